"""The generated reference is up to date, and shells complete commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import COMMAND

ROOT = Path(__file__).parent.parent


def test_the_reference_and_the_schemas_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "docs/make_reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_loads_a_completion_script(shell: str) -> None:
    variables = os.environ | {"_TTSDASH_COMPLETE": f"{shell}_source"}
    done = subprocess.run(COMMAND, env=variables, capture_output=True, text=True, check=True)
    assert f"_TTSDASH_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("line", "completed"), [("ttsdash jo", "jobs"), ("ttsdash jobs li", "list"), ("ttsdash jobs list --st", "--state")]
)
def test_a_shell_completes_commands_and_options(line: str, completed: str) -> None:
    variables = os.environ | {
        "_TTSDASH_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }
    done = subprocess.run(COMMAND, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"plain,{completed}"]
