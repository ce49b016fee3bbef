"""Every command in the documentation works, every link leads somewhere, every path exists."""

import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from core.workspace import Workspace
from tests.running import environment
from tests.serve.serving import serving
from tests.vits import write_voice

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
# These set up an environment and run this very suite.
SKIPPED_COMMANDS = {"./dev demo", "./dev test"}
# A path in a repository, as `core/files.py` or `docs/adr/`; NAME stands for what the reader adds.
REPOSITORY_PATH = re.compile(r"`((?:core|jobs|tui|tests|docs|benchmarks)/[\w./-]*)`")


def commands_of(page: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_all_commands_of_a_page_succeed_in_order(page: Path, workspace: Workspace, tmp_path: Path) -> None:
    if page.name == "coreml.md":
        pytest.importorskip("coremltools")
    write_voice(tmp_path / "voices", name="en_US-amy-medium")
    bin_folder = str(Path(sys.executable).parent)
    variables = environment(workspace) | {"HOME": str(tmp_path)}
    variables["PATH"] = f"{bin_folder}:{variables['PATH']}"
    # The commands of that page write files.
    folder = tmp_path if page.name == "service.md" else ROOT
    with ExitStack() as stack:
        port = 0
        for command in commands_of(page):
            if command in SKIPPED_COMMANDS or (command.startswith("curl ") and shutil.which("curl") is None):
                continue
            if command == "ttsdash serve":
                port = stack.enter_context(serving(workspace)).port
                continue
            # Another program of this machine may have the default port.
            local = command.replace(":8123", f":{port}").replace("curl -s ", "curl -sSf ")
            options: dict[str, Any] = {"cwd": folder, "env": variables, "timeout": 600}
            done = subprocess.run(local, shell=True, capture_output=True, text=True, check=False, **options)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_the_dev_script_prints_its_usage() -> None:
    done = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True)
    assert "./dev demo" in done.stdout
    assert "./dev test" in done.stdout
    assert subprocess.run([ROOT / "dev", "frob"], capture_output=True, check=False).returncode == 2


def test_every_relative_link_leads_to_a_file_or_folder() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_path_in_the_contributor_docs_exists() -> None:
    for page in [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md", *(ROOT / "docs" / "adr").glob("*.md")]:
        paths = [path for path in REPOSITORY_PATH.findall(page.read_text(encoding="utf-8")) if "NAME" not in path]
        assert paths
        missing = [path for path in paths if not (ROOT / path).exists()]
        assert not missing, f"{page.name}: {missing}"
