"""One worker a workspace: a file lock that ends with its holder, and in the file who holds it.

The file's time is the worker's heartbeat: it says that the worker's main loop goes round.
"""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass, fields
from io import TextIOWrapper
from pathlib import Path

from core.files import PRIVATE_FILE
from core.workspace import Workspace
from jobs.process_groups import is_alive

ALREADY_RUNNING = 3
"""The exit code of a worker that found another one at work."""
BEAT_S = 2.0
# Far longer than any pause of a worker that is well; a laptop that slept beats again before this has been watched.
_SILENT_S = 60.0
# For what is announced, so that the next announcement covers the one before.
_ROOM = 1024
_WATCHED_S = 3 * BEAT_S


@dataclass(frozen=True)
class WorkerInfo:
    """Who works on a workspace."""

    pid: int
    birth: str
    """Tells the process from a later one with its number."""
    since: str
    version: str
    slots: int
    cores: int
    memory_mb: int
    idle_s: float | None = None
    """After this long without a job it ends; None for one that stays."""
    ending: bool = False
    """It starts no further job, and ends when those that run have ended."""
    store: str | None = None
    """Which file its `data.db` is."""


class WorkerLock:
    """Held as long as the object lives, at most as long as its process does."""

    def __init__(self, file: TextIOWrapper) -> None:
        self._file = file

    def announce(self, info: WorkerInfo) -> None:
        """In one write over what stood there: whoever reads meanwhile sees the one or the other, never nothing."""
        os.pwrite(self._file.fileno(), json.dumps(asdict(info)).encode().ljust(_ROOM), 0)

    def withdraw(self) -> None:
        """Announce that nobody works any more: who queues a job from now on starts a worker for it."""
        os.truncate(self._file.fileno(), 0)

    def beat(self) -> None:
        os.utime(self._file.fileno())

    def is_in_place(self, workspace: Workspace) -> bool:
        """Whether the file is still the one that others look at."""
        return inode_of(workspace.worker_lock) == _identity(os.fstat(self._file.fileno()))


def inode_of(path: Path) -> str | None:
    """What tells a file from another one of its name; None where there is none."""
    try:
        return _identity(path.stat())
    except OSError:
        return None


def _identity(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}"


def take_lock(workspace: Workspace) -> WorkerLock | None:
    """The lock, or None while another process holds it."""
    descriptor = os.open(workspace.worker_lock, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    file = os.fdopen(descriptor, "r+")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return WorkerLock(file)


def running_worker(workspace: Workspace) -> WorkerInfo | None:
    """Who works on the workspace now. Reads only: asking for the lock could keep a starting worker from it."""
    try:
        told = json.loads(workspace.worker_lock.read_text())
        info = WorkerInfo(**{field.name: told[field.name] for field in fields(WorkerInfo) if field.name in told})
    except (OSError, ValueError, TypeError):
        return None
    return info if is_alive(info.pid, info.birth) else None


def is_unresponsive(workspace: Workspace) -> bool:
    """Whether the worker that runs has given no sign of life for a minute, by the clock of the day."""
    try:
        return time.time() - workspace.worker_lock.stat().st_mtime > _SILENT_S
    except OSError:
        return False


def is_hung(workspace: Workspace) -> bool:
    """Whether the worker is silent and stays so while it is watched: that the clock was set makes no worker hang."""
    deadline = time.monotonic() + _WATCHED_S
    while is_unresponsive(workspace):
        if time.monotonic() > deadline:
            return True
        time.sleep(0.1)
    return False
