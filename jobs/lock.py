"""The lock that keeps a workspace to one worker: a file lock, released with its process, and in the file who holds it.

The modification time of the file is the worker's heartbeat, set by its main loop.
"""

import fcntl
import json
import os
import socket
import time
from dataclasses import asdict, dataclass, fields
from io import TextIOWrapper
from pathlib import Path

from core.errors import InvalidInput
from core.files import PRIVATE_FILE
from core.hardware.limits import Limits
from core.workspace import Workspace
from jobs.process_groups import is_alive

ALREADY_RUNNING = 3
"""The exit code of a worker that finds another one running."""
HEARTBEAT_S = 2.0
# Far longer than any pause of a healthy worker. After a laptop wakes up, the next heartbeat comes before the watch is over.
_UNRESPONSIVE_S = 60.0
# The size that an announcement is padded to, so that it overwrites the previous one completely.
_ANNOUNCEMENT_BYTES = 4096
_WATCH_S = 3 * HEARTBEAT_S


@dataclass(frozen=True)
class WorkerInfo:
    """The worker of a workspace."""

    pid: int
    birth: str
    """Distinguishes the process from a later one with the same pid."""
    since: str
    version: str
    slots: int
    cores: int
    memory_mb: int
    idle_s: float | None = None
    """The worker stops after this long without a job; None: never."""
    stopping: bool = False
    """Whether it is draining: it starts no further job and stops when the running ones have ended."""
    store: str | None = None
    """Device and inode of its `data.db`."""
    limits: Limits | None = None
    """None for a version that does not announce them."""
    host: str = ""
    """The machine that it runs on; older versions did not say."""

    @property
    def elsewhere(self) -> bool:
        """Return whether it runs on another machine that shares the folder; its pid has no meaning here."""
        return self.host not in ("", socket.gethostname())


class WorkerLock:
    """The held lock; released when the object or its process ends."""

    def __init__(self, file: TextIOWrapper) -> None:
        self._file = file

    def announce(self, info: WorkerInfo) -> None:
        """Write who holds the lock, in one write: a concurrent reader sees the old or the new announcement, never none."""
        os.pwrite(self._file.fileno(), json.dumps(asdict(info)).encode().ljust(_ANNOUNCEMENT_BYTES), 0)

    def withdraw(self) -> None:
        """Remove the announcement: whoever queues a job from now on starts a worker."""
        os.truncate(self._file.fileno(), 0)

    def beat(self) -> None:
        """Update the heartbeat."""
        os.utime(self._file.fileno())

    def is_in_place(self, workspace: Workspace) -> bool:
        """Return whether the lock file was not replaced by another one."""
        return inode_of(workspace.worker_lock) == _inode(os.fstat(self._file.fileno()))


def inode_of(path: Path) -> str | None:
    """Return what distinguishes a file from another one at the same path; None if there is no file."""
    try:
        return _inode(path.stat())
    except OSError:
        return None


def _inode(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}"


def take_lock(workspace: Workspace) -> WorkerLock | None:
    """Take the lock, or return None if another process holds it. Raises InvalidInput where there are no locks.

    Not every network file system passes locks on: a worker of another machine that had a heartbeat lately holds it, too.
    """
    descriptor = os.open(workspace.worker_lock, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    file = os.fdopen(descriptor, "r+")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError as error:
        file.close()
        reason = f"cannot lock {workspace.worker_lock} ({error.strerror})"
        raise InvalidInput(f"{reason}: use --home DIR with a local folder") from error
    worker = running_worker(workspace)
    if worker and worker.elsewhere:
        file.close()
        return None
    return WorkerLock(file)


def running_worker(workspace: Workspace) -> WorkerInfo | None:
    """Return the running worker, or None. Does not try the lock, which could keep a starting worker from getting it."""
    try:
        values = json.loads(workspace.worker_lock.read_text())
        values["limits"] = Limits.from_json(values.get("limits"))
        info = WorkerInfo(**{field.name: values[field.name] for field in fields(WorkerInfo) if field.name in values})
    except (OSError, ValueError, TypeError):
        return None
    if info.elsewhere:
        return None if is_unresponsive(workspace) else info
    return info if is_alive(info.pid, info.birth) else None


def is_unresponsive(workspace: Workspace) -> bool:
    """Return whether the last heartbeat is more than a minute old, by wall-clock time."""
    try:
        return time.time() - workspace.worker_lock.stat().st_mtime > _UNRESPONSIVE_S
    except OSError:
        return False


def is_hung(workspace: Workspace) -> bool:
    """Return whether the worker stays unresponsive while it is watched; a clock that was set does not make it hung."""
    deadline = time.monotonic() + _WATCH_S
    while is_unresponsive(workspace):
        if time.monotonic() > deadline:
            return True
        time.sleep(0.1)
    return False
