"""Starts the worker so that it outlives the terminal, tells whether one runs, stops it."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from core.errors import TtsdashError
from core.records.job_states import JobState
from core.settings import read_settings
from core.store.database import open_store
from core.store.jobs import list_jobs
from core.workspace import Workspace
from jobs.lock import ALREADY_RUNNING, WorkerInfo, inode_of, is_hung, is_unresponsive, running_worker, take_lock
from jobs.process_groups import MARK, is_alive
from jobs.recovery import reconcile

_START_S = 20.0
_STOP_NOW_S = 10.0
_LOOK_S = 0.05


@dataclass(frozen=True)
class WorkerStatus:
    """What `ttsdash worker status` tells."""

    running: bool
    pid: int | None = None
    since: str | None = None
    version: str | None = None
    slots: int | None = None
    jobs: tuple[int, ...] = ()
    cores: int | None = None
    memory_mb: int | None = None
    idle_s: float | None = None
    ending: bool = False
    silent: bool = False
    """It has given no sign of life for a minute."""


def worker_status(workspace: Workspace) -> WorkerStatus:
    info = running_worker(workspace)
    if info is None:
        return WorkerStatus(running=False)
    db = open_store(workspace)
    jobs = tuple(sorted(job.id for job in list_jobs(db, states=(JobState.RUNNING,))))
    db.close()
    return WorkerStatus(
        running=True,
        pid=info.pid,
        since=info.since,
        version=info.version,
        slots=info.slots,
        jobs=jobs,
        cores=info.cores,
        memory_mb=info.memory_mb,
        idle_s=info.idle_s,
        ending=info.ending,
        silent=is_unresponsive(workspace),
    )


def ensure_worker(workspace: Workspace) -> tuple[WorkerInfo, bool]:
    """Have a worker run, one that ends by itself when it has been idle for long; as `start_worker`."""
    already = _working(workspace)
    return (already, False) if already else start_worker(workspace, idle_s=read_settings(workspace).idle_s)


def start_worker(
    workspace: Workspace, slots: int | None = None, idle_s: float | None = None
) -> tuple[WorkerInfo, bool]:
    """Have a worker run: (who works, whether this call started it). One that hangs is replaced.

    Raises TtsdashError when none comes up, BadInput for a store that is no good.
    """
    already = _working(workspace)
    if already:
        return already, False
    # What is wrong with the store is told here, not in the log of a process that nobody sees.
    open_store(workspace).close()
    options = [*(["--slots", str(slots)] if slots else []), *(["--idle", str(idle_s)] if idle_s else [])]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "jobs.worker", str(workspace.root), *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=workspace.root,
        # Started by a hook it is not of the hook: that ends with the worker that runs it.
        env={name: value for name, value in os.environ.items() if name != MARK} | {"PYTHONUTF8": "1"},
    )
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        info = running_worker(workspace)
        if info:
            return info, info.pid == process.pid
        code = process.poll()
        # The one that was faster holds the lock, and will announce itself in a moment.
        if code is not None and code != ALREADY_RUNNING:
            break
        time.sleep(_LOOK_S)
    raise TtsdashError(f"the worker did not start: see {workspace.worker_log}")


def _working(workspace: Workspace) -> WorkerInfo | None:
    """Who works; one that hangs is killed, so that its jobs get on. One whose store was moved away ends by itself."""
    info = running_worker(workspace)
    if info and info.store not in (None, inode_of(workspace.data_db)):
        _await_end(info)
    elif info and is_hung(workspace) and running_worker(workspace) == info:
        os.kill(info.pid, signal.SIGKILL)
        _await_end(info)
    return running_worker(workspace)


def _await_end(info: WorkerInfo) -> None:
    """Wait for a worker that ends by itself, and end one that does not."""
    deadline = time.monotonic() + _STOP_NOW_S
    while is_alive(info.pid, info.birth):
        if time.monotonic() > deadline:
            os.kill(info.pid, signal.SIGKILL)
        time.sleep(_LOOK_S)


def stop_worker(workspace: Workspace, at_once: bool = False) -> WorkerInfo | None:
    """End the worker: let it finish its running jobs, or put them back (`at_once`). Returns who was ended, if anyone.

    One that does not listen is killed; the next one puts its jobs back.
    """
    info = running_worker(workspace)
    if info is None:
        return None
    os.kill(info.pid, signal.SIGTERM if at_once else signal.SIGINT)
    if at_once:
        _await_end(info)
    while is_alive(info.pid, info.birth):
        time.sleep(_LOOK_S)
    return info


def reap_cancelled(workspace: Workspace) -> None:
    """With no worker alive to end them, end the jobs that a dead one left running."""
    lock = take_lock(workspace)
    if lock is not None:
        db = open_store(workspace)
        reconcile(workspace, db)
        db.close()
