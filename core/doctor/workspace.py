"""Whether the workspace can be worked in: its folder, its disk, who can read it."""

import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from core.doctor.finding import Finding, State
from core.doctor.fixes import on_path
from core.workspace import Workspace, network_file_system

# Making a variant of a voice of 63 MB takes about half a GB: drafts, calibration, recordings.
_TOO_LITTLE, _LITTLE = 0.5e9, 2e9
_ELSEWHERE = "use --home DIR with a folder of your own"


def is_made(workspace: Workspace) -> bool:
    """Whether there is one; also when it may not be looked into."""
    try:
        return workspace.data_db.exists()
    except OSError:
        return True


def check_place(workspace: Workspace) -> Iterator[Finding]:
    """Where no workspace is yet: whether one can be made."""
    yield Finding("folder", State.NOTE, f"no workspace yet: {workspace.root} is made at the first start")
    nearest = next(folder for folder in (workspace.root, *workspace.root.parents) if folder.exists())
    if not nearest.is_dir():
        yield Finding(
            "folder", State.PROBLEM, f"{nearest} is a file, but the workspace needs a folder there", _ELSEWHERE
        )
    elif not _is_writable(nearest):
        yield Finding("folder", State.PROBLEM, f"{nearest} is read-only for you: no workspace can be made", _ELSEWHERE)


def check_workspace(workspace: Workspace) -> Iterator[Finding]:
    root = workspace.root
    if not os.access(root, os.R_OK | os.X_OK):
        yield Finding("folder", State.PROBLEM, f"{root} cannot be looked into by you", _ELSEWHERE)
        return
    yield from _folder(workspace)
    remote = network_file_system(root)
    if remote:
        says = f"{root} lies on a network file system ({remote}), where SQLite can lose data"
        yield Finding("file system", State.PROBLEM, says, "use --home DIR with a local folder")
    else:
        yield Finding("file system", State.OK, "local")
    yield judge_space(shutil.disk_usage(root).free, root)
    yield from _privacy(workspace)


def judge_space(free: int, root: Path) -> Finding:
    says = f"{free / 1e9:.1f} GB free"
    if free >= _LITTLE:
        return Finding("disk space", State.OK, says)
    says += ": making a variant of a voice of 63 MB takes about 0.5 GB"
    return Finding(
        "disk space",
        State.PROBLEM if free < _TOO_LITTLE else State.NOTE,
        says,
        f"free some: {on_path('du -h', root)} shows what takes it",
    )


def _folder(workspace: Workspace) -> Iterator[Finding]:
    root = workspace.root
    there = [path for path in (root, workspace.data_db, workspace.queue_db) if path.exists()]
    foreign = [path for path in there if path.stat().st_uid != os.getuid()]
    closed = [path for path in there if not os.access(path, os.R_OK | os.W_OK)]
    if foreign:
        says = f"{foreign[0]} belongs to another user (uid {foreign[0].stat().st_uid})"
        yield Finding("folder", State.PROBLEM, says, on_path('sudo chown -R "$(id -u)"', root))
    elif closed or not _is_writable(root):
        where = [*closed, root][0]
        yield Finding("folder", State.PROBLEM, f"{where} is read-only for you", on_path("chmod u+rwX", where))
    else:
        yield Finding("folder", State.OK, f"{root} is yours")


def _is_writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def _privacy(workspace: Workspace) -> Iterator[Finding]:
    """The folder may be open, as a checkout is; the data bases, with texts and paths in them, may not."""
    readable = [path for path in _data_bases(workspace) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if readable:
        names = ", ".join(path.name for path in readable)
        yield Finding(
            "privacy",
            State.PROBLEM,
            f"not only you can read {names}",
            shlex.join(["chmod", "600", *map(str, readable)]),
        )
    else:
        yield Finding("privacy", State.OK, "only you can read the data bases")


def _data_bases(workspace: Workspace) -> list[Path]:
    """The files of both, with what SQLite keeps beside them."""
    bases = (workspace.data_db, workspace.queue_db)
    files = [base.with_name(base.name + end) for base in bases for end in ("", "-wal", "-shm")]
    return [file for file in files if file.exists()]
