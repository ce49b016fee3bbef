"""One worker a workspace: a file lock that ends with its holder, and in the file who holds it."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from io import TextIOWrapper

from core.files import PRIVATE_FILE
from core.workspace import Workspace
from jobs.process_groups import is_alive

ALREADY_RUNNING = 3
"""The exit code of a worker that found another one at work."""


@dataclass(frozen=True)
class WorkerInfo:
    """Who works on a workspace."""

    pid: int
    started: float
    """When the process began, seconds since the epoch: tells it from a later one with its number."""
    since: str
    version: str
    slots: int


class WorkerLock:
    """Held as long as the object lives, at most as long as its process does."""

    def __init__(self, file: TextIOWrapper) -> None:
        self._file = file

    def announce(self, info: WorkerInfo) -> None:
        self._file.seek(0)
        self._file.truncate()
        json.dump(asdict(info), self._file)
        self._file.flush()


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
        info = WorkerInfo(**json.loads(workspace.worker_lock.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return info if is_alive(info.pid, info.started) else None
