"""Starts the worker in the background, reports on it, and stops it."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass

from core.errors import TtsdashError
from core.hardware.limits import Limits
from core.offline import users_environment
from core.processes import child_environment, module_command
from core.records.job_states import JobState
from core.settings import read_settings
from core.store.database import open_store
from core.store.jobs import list_jobs
from core.store.locked import lock_holders, locked_by
from core.workspace import Workspace
from jobs.lock import ALREADY_RUNNING, WorkerInfo, inode_of, is_hung, is_unresponsive, running_worker, take_lock
from jobs.process_groups import TAG, is_alive
from jobs.recovery import reconcile

_START_S = 20.0
_STOP_NOW_S = 10.0
_POLL_INTERVAL_S = 0.05


@dataclass(frozen=True)
class WorkerStatus:
    """The state of the worker, as `ttsdash worker status` reports it."""

    running: bool
    pid: int | None = None
    host: str | None = None
    """The machine that it runs on, if that is another one."""
    since: str | None = None
    version: str | None = None
    slots: int | None = None
    jobs: tuple[int, ...] = ()
    interrupted: tuple[int, ...] = ()
    """The jobs that a worker which died left behind; the next one runs them again."""
    cores: int | None = None
    memory_mb: int | None = None
    idle_s: float | None = None
    stopping: bool = False
    unresponsive: bool = False
    """Whether it has had no heartbeat for a minute."""
    limits: Limits | None = None


def worker_status(workspace: Workspace) -> WorkerStatus:
    """Return the state of the workspace's worker."""
    info = running_worker(workspace)
    db = open_store(workspace)
    jobs = tuple(sorted(job.id for job in list_jobs(db, states=(JobState.RUNNING,))))
    db.close()
    if info is None:
        return WorkerStatus(running=False, interrupted=jobs)
    return WorkerStatus(
        running=True,
        pid=info.pid,
        host=info.host if info.elsewhere else None,
        since=info.since,
        version=info.version,
        slots=info.slots,
        jobs=jobs,
        cores=info.cores,
        memory_mb=info.memory_mb,
        idle_s=info.idle_s,
        stopping=info.stopping,
        unresponsive=is_unresponsive(workspace),
        limits=info.limits,
    )


def ensure_worker(workspace: Workspace) -> tuple[WorkerInfo, bool]:
    """Start a worker that stops when idle, unless one is running. Returns and raises as `start_worker`."""
    running = _healthy_worker(workspace)
    return (running, False) if running else start_worker(workspace, idle_s=read_settings(workspace).idle_s)


def start_worker(
    workspace: Workspace, slots: int | None = None, idle_s: float | None = None
) -> tuple[WorkerInfo, bool]:
    """Start a worker unless one is running. Return it, and whether this call started it. A hung worker is replaced.

    Raises TtsdashError if the worker does not start, InvalidInput for an unusable store.
    """
    running = _healthy_worker(workspace)
    if running:
        return running, False
    # Report an unusable store here, not in the log of a background process.
    open_store(workspace).close()
    options = [*(["--slots", str(slots)] if slots else []), *(["--idle", str(idle_s)] if idle_s else [])]
    environment = child_environment(users_environment())
    process = subprocess.Popen(
        module_command("jobs.worker", str(workspace.root), *options),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=workspace.root,
        # Without the tag: a worker that a hook starts must not be killed with the hook.
        env={name: value for name, value in environment.items() if name != TAG} | {"PYTHONUTF8": "1"},
    )
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        info = running_worker(workspace)
        if info:
            return info, info.pid == process.pid
        code = process.poll()
        # ALREADY_RUNNING: another worker was faster and is about to announce itself.
        if code is not None and code != ALREADY_RUNNING:
            break
        time.sleep(_POLL_INTERVAL_S)
    if process.poll() is None and lock_holders(workspace.data_db):
        locked = f"data.db is {locked_by(workspace.data_db)}"
        raise TtsdashError(f"the worker waits, since {locked}: close it there, and the worker starts by itself")
    raise TtsdashError(f"the worker did not start: see {workspace.worker_log}")


def _healthy_worker(workspace: Workspace) -> WorkerInfo | None:
    """Return the running worker, after killing a hung one and waiting for one whose store was moved away."""
    info = running_worker(workspace)
    if info and info.elsewhere:
        return info
    if info and info.store not in (None, inode_of(workspace.data_db)):
        _await_end(info)
    elif info and is_hung(workspace) and running_worker(workspace) == info:
        os.kill(info.pid, signal.SIGKILL)
        _await_end(info)
    return running_worker(workspace)


def _await_end(info: WorkerInfo) -> None:
    """Wait for a worker to stop; kill it if it does not."""
    deadline = time.monotonic() + _STOP_NOW_S
    while is_alive(info.pid, info.birth):
        if time.monotonic() > deadline:
            os.kill(info.pid, signal.SIGKILL)
        time.sleep(_POLL_INTERVAL_S)


def stop_worker(workspace: Workspace, at_once: bool = False) -> WorkerInfo | None:
    """Stop the worker: let it finish its running jobs, or requeue them (`at_once`). Return it, or None if none was running.

    With `at_once` a worker that does not react is killed; the next worker requeues its jobs. Raises TtsdashError for a worker
    on another machine.
    """
    info = running_worker(workspace)
    if info is None:
        return None
    if info.elsewhere:
        raise TtsdashError(f"the worker runs on {info.host} (pid {info.pid}): run this command there")
    os.kill(info.pid, signal.SIGTERM if at_once else signal.SIGINT)
    if at_once:
        _await_end(info)
    while is_alive(info.pid, info.birth):
        time.sleep(_POLL_INTERVAL_S)
    return info


def reap_cancelled(workspace: Workspace) -> None:
    """End the jobs that a dead worker left running, unless a worker is running."""
    lock = take_lock(workspace)
    if lock is not None:
        db = open_store(workspace)
        reconcile(workspace, db)
        db.close()
