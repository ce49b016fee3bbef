"""Uses a store from another process, the only way to test SQLite's locks."""

import subprocess
import sys

from core.workspace import Workspace

_OPEN = """
import sys
from pathlib import Path
from core.store.database import open_store
from core.workspace import Workspace
db = open_store(Workspace(Path(sys.argv[1])))
"""


def start_in_another_process(workspace: Workspace, then: str = "db.close()") -> subprocess.Popen[str]:
    """Open the workspace's store in a new process and run a line there, with the connection as `db`."""
    command = [sys.executable, "-c", _OPEN + then, str(workspace.root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def in_another_process(workspace: Workspace, then: str = "db.close()") -> str:
    """Do the same, wait for the end of the process, and return its output."""
    process = start_in_another_process(workspace, then)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return output
