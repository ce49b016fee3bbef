"""Check the folder of the workspace: access, file system, disk space, privacy."""

import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from core.doctor.finding import Finding, State
from core.doctor.fixes import on_path
from core.users import closed_folder, owner_of, why_closed
from core.workspace import Workspace, network_file_system

# Making a variant of a 63 MB voice takes about half a GB: drafts, calibration, recordings.
_REQUIRED_BYTES, _ENOUGH_BYTES = 0.5e9, 2e9
_OTHER_HOME = "use --home DIR with a folder that you can write to"


def workspace_exists(workspace: Workspace) -> bool:
    """Return whether there is a workspace, or a folder that cannot be read."""
    try:
        return workspace.data_db.exists() or workspace.data_db.is_symlink()
    except OSError:
        return True


def check_location(workspace: Workspace) -> Iterator[Finding]:
    """Check whether a workspace can be created where there is none yet."""
    yield Finding("folder", State.NOTE, f"no workspace yet: {workspace.root} is created by the first command")
    nearest = next(folder for folder in (workspace.root, *workspace.root.parents) if folder.exists())
    if not nearest.is_dir():
        yield Finding("folder", State.PROBLEM, f"{nearest} is a file, but must be a folder", _OTHER_HOME)
    elif os.getuid() == 0 and nearest.stat().st_uid != 0:
        yield Finding(
            "folder",
            State.PROBLEM,
            f"{nearest} belongs to {owner_of(nearest)}: root makes none there",
            _as_owner(nearest),
        )
    elif not _is_writable(nearest):
        yield Finding(
            "folder", State.PROBLEM, f"{nearest} is not writable for you: no workspace can be created", _OTHER_HOME
        )


def check_workspace(workspace: Workspace) -> Iterator[Finding]:
    """Yield the findings for the folder of a workspace."""
    root = workspace.root
    if not os.access(root, os.R_OK | os.X_OK):
        yield _unreadable(root)
        return
    yield from _folder(workspace)
    remote = network_file_system(root)
    if remote:
        message = (
            f"{root} is on a network file system ({remote}), where SQLite can lose data if file locks fail: "
            "data.db has a rollback journal there, which is slower, and safe while they work"
        )
        yield Finding("file system", State.PROBLEM, message, "use --home DIR with a local folder")
    else:
        yield Finding("file system", State.OK, "local")
    yield judge_space(shutil.disk_usage(root).free, root)
    yield from _privacy(workspace)


def _unreadable(root: Path) -> Finding:
    why, closed = why_closed(root / "data.db"), closed_folder(root / "data.db")
    take_over = f", or make it yours: {_chown(root)}" if closed == root else ""
    message = f"{root} is not readable for you" + (f": {why}" if why else "")
    return Finding("folder", State.PROBLEM, message, _OTHER_HOME + take_over)


def _chown(root: Path) -> str:
    return on_path('sudo chown -R "$(id -u)"', root)


def judge_space(free: int, root: Path) -> Finding:
    """Return whether the free bytes of the disk suffice to make a variant."""
    message = f"{free / 1e9:.1f} GB free"
    if free >= _ENOUGH_BYTES:
        return Finding("disk space", State.OK, message)
    state = State.PROBLEM if free < _REQUIRED_BYTES else State.NOTE
    message += ": making a variant of a 63 MB voice takes about 0.5 GB"
    return Finding("disk space", state, message, f"free some space: {on_path('du -h', root)} lists what uses it")


def _folder(workspace: Workspace) -> Iterator[Finding]:
    root = workspace.root
    existing = [path for path in (root, workspace.data_db, workspace.queue_db) if path.exists()]
    foreign = [path for path in existing if path.stat().st_uid != os.getuid()]
    read_only = [path for path in existing if not os.access(path, os.R_OK | os.W_OK)]
    if foreign:
        message = f"{foreign[0]} belongs to another user (uid {foreign[0].stat().st_uid})"
        yield Finding("folder", State.PROBLEM, message, _as_owner(foreign[0]) or _chown(root))
    elif read_only or not _is_writable(root):
        path = [*read_only, root][0]
        yield Finding("folder", State.PROBLEM, f"{path} is not writable for you", on_path("chmod u+rwX", path))
    else:
        yield Finding("folder", State.OK, f"{root} belongs to you")


def _as_owner(path: Path) -> str | None:
    """Return how to work in somebody else's workspace, if this is root: it must stay its owner's."""
    return f"run ttsdash as {owner_of(path)}, or use --home DIR with a folder of your own" if os.getuid() == 0 else None


def _is_writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def _privacy(workspace: Workspace) -> Iterator[Finding]:
    """Check that only the user can read the databases: they contain texts and paths. The folder may be public."""
    readable = [path for path in _database_files(workspace) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if readable:
        message = f"other users can read {', '.join(path.name for path in readable)}"
        yield Finding("privacy", State.PROBLEM, message, shlex.join(["chmod", "600", *map(str, readable)]))
    else:
        yield Finding("privacy", State.OK, "only you can read the databases")


def _database_files(workspace: Workspace) -> list[Path]:
    """Return the files of both databases, with SQLite's journals."""
    databases = (workspace.data_db, workspace.queue_db)
    files = [database.with_name(database.name + end) for database in databases for end in ("", "-wal", "-shm")]
    return [file for file in files if file.exists()]
