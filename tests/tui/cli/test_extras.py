"""Commands whose packages are not installed."""

import subprocess
import sys

import pytest

from core.workspace import Workspace
from tests.running import environment

WITHOUT_STARLETTE = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "starlette" else find(name, *rest)
from tui.cli import main
main()
"""


@pytest.mark.parametrize("arguments", [["serve"], ["speak", "hello"]])
def test_speaking_without_its_packages_is_refused_with_the_command_that_installs_them(
    arguments: list[str], workspace: Workspace
) -> None:
    command = [sys.executable, "-P", "-c", WITHOUT_STARLETTE, *arguments]
    done = subprocess.run(command, env=environment(workspace), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("ttsdash: speaking needs packages that are not installed: ")
    assert done.stderr.endswith("'ttsdash[serve]'\n")
