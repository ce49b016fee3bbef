"""Every command in the documentation works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.workspace import Workspace
from tests.running import environment
from tests.vits import write_voice

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
# These set up an environment and run this very suite.
NOT_HERE = {"./dev demo", "./dev test"}


def commands_of(page: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_one_after_the_other(page: Path, workspace: Workspace, tmp_path: Path) -> None:
    if page.name == "coreml.md":
        pytest.importorskip("coremltools")
    write_voice(tmp_path / "voices", name="en_US-amy-medium")
    bin_folder = str(Path(sys.executable).parent)
    variables = environment(workspace) | {"HOME": str(tmp_path)}
    variables["PATH"] = f"{bin_folder}:{variables['PATH']}"
    for command in commands_of(page):
        if command in NOT_HERE:
            continue
        done = subprocess.run(
            command, shell=True, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_the_set_up_script_says_what_it_does() -> None:
    done = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True)
    assert "./dev demo" in done.stdout
    assert "./dev test" in done.stdout
    assert subprocess.run([ROOT / "dev", "frob"], capture_output=True, check=False).returncode == 2


def test_every_relative_link_leads_to_a_file() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
