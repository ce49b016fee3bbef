"""Running the program as its users do: whole processes, in a workspace of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from core.workspace import Workspace

COMMAND = [sys.executable, "-P", "-m", "tui.cli"]


def ttsdash(workspace: Workspace, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment(workspace),
        timeout=120,
        check=False,
        **options,
    )


def ttsdash_json(workspace: Workspace, *arguments: object) -> Any:
    """Run a command that must succeed with `--json`, and read its answer."""
    done = ttsdash(workspace, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def environment(workspace: Workspace) -> dict[str, str]:
    return {**os.environ, "TTSDASH_HOME": str(workspace.root), "COLUMNS": "120"}


def processes_of(workspace: Workspace) -> list[psutil.Process]:
    """The worker of a workspace, its children and theirs, as far as they live."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(workspace.root):
                found.append(process)
        except psutil.Error:
            continue
    return found


def half_files(workspace: Workspace) -> list[Path]:
    """What no job may leave behind: drafts and scratch files."""
    made = [*workspace.optimized_models.rglob("*"), *workspace.recordings.rglob("*")]
    hidden = [path for path in made if path.name.startswith(".")]
    scratch = workspace.root / "scratch"
    return hidden + (list(scratch.iterdir()) if scratch.exists() else [])
