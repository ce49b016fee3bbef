"""What is at the path of `data.db` before SQLite opens it, which takes an empty file for a new database."""

import shlex
import time
from dataclasses import dataclass
from pathlib import Path

from core.errors import InvalidInput
from core.workspace import Workspace

# SQLite treats a file shorter than its header as empty and would overwrite it.
SMALLEST_DATABASE = 512
# Another process may just have made the file: before it writes to it, it imports what runs the migrations.
_FIRST_START_S = 5
_POLL_INTERVAL_S = 0.05


@dataclass(frozen=True)
class Unusable:
    """Why something cannot be the database, as what follows its path in a message, and the fix."""

    reason: str
    fix: str

    def error(self, path: Path) -> InvalidInput:
        """Return it as an error."""
        return InvalidInput(f"{path} {self.reason}: {self.fix}")


def refuse_unusable(workspace: Workspace, is_new: bool) -> None:
    """Raise InvalidInput if the file of the database cannot be one, or is empty but not new and has lost what was in it."""
    path = workspace.data_db
    unusable = find_unusable(path)
    if not (unusable or is_new) and path.stat().st_size == 0:
        unusable = find_loss(workspace)
        if unusable and not _stays_empty(path):
            return
    if unusable:
        raise unusable.error(path)


def find_unusable(path: Path) -> Unusable | None:
    """Return what is at a path that cannot be a database, such as a folder; None for a file of sufficient length."""
    away = "move it away, or use --home DIR"
    if path.is_symlink() and not path.exists():
        fix = "restore that file, remove the link, or use --home DIR"
        return Unusable(f"is a link to {path.readlink()}, which does not exist", fix)
    if path.is_dir():
        return Unusable(f"is a {'link to a ' if path.is_symlink() else ''}folder, not a database", away)
    if not path.is_file():
        return Unusable("is not a regular file, so not a database", away)
    if 0 < path.stat().st_size < SMALLEST_DATABASE:
        return Unusable("is not a database", away)
    return None


def find_loss(workspace: Workspace) -> Unusable | None:
    """Return that a database without content has lost what was in it; None if nothing hints at that.

    Call it for an empty file before SQLite opens that, since it then deletes the write-ahead log.
    """
    remains = workspace.remains
    if remains is None:
        return None
    fix = f"restore it from a backup, or start again without its voices and results: rm {shlex.quote(str(workspace.data_db))}"
    return Unusable(f"is empty, although {remains} is there", fix)


def _stays_empty(path: Path) -> bool:
    """Return whether a file is empty and stays so, as no other process is about to make a database of it."""
    deadline = time.monotonic() + _FIRST_START_S
    while path.stat().st_size == 0:
        if time.monotonic() > deadline:
            return True
        time.sleep(_POLL_INTERVAL_S)
    return False
