"""The worker: a Huey consumer that claims jobs from the job table and runs each in a child process."""

import logging
import os
import signal
import sqlite3
import sys
import threading
import time
from logging.handlers import RotatingFileHandler
from typing import Any

from huey.consumer import Consumer

import core
from core.clock import now
from core.files import create_private
from core.hardware.probes import usable_cores
from core.store.database import open_store
from core.store.jobs import claim
from core.workspace import Workspace, find_workspace
from jobs.child import Child
from jobs.lock import ALREADY_RUNNING, WorkerInfo, WorkerLock, running_worker, take_lock
from jobs.process_groups import start_time
from jobs.recovery import reconcile
from jobs.wakeups import open_wakeups

_POLL_S = 0.25
_LOCK_S = 5.0
_log = logging.getLogger("ttsdash.worker")


def default_slots() -> int:
    """Half the cores: a job keeps about two of them busy."""
    return max(1, usable_cores() // 2)


def run_worker(workspace: Workspace, slots: int) -> int:
    """Work until a signal ends it: SIGINT drains, SIGTERM puts running jobs back. Returns the exit code."""
    db = open_store(workspace)
    lock = _take_lock(workspace)
    if lock is None:
        return ALREADY_RUNNING
    reconcile(workspace, db)
    worker = Worker(workspace, slots)
    lock.announce(WorkerInfo(os.getpid(), start_time(os.getpid()), now(), core.program_version(), slots))
    _log.info("worker started, pid %s, %s slots, in %s", os.getpid(), slots, workspace.root)
    worker.run()
    _log.info("worker ended")
    return 0


def _take_lock(workspace: Workspace) -> WorkerLock | None:
    """The lock; None once it is clear that another worker has it, and not just somebody who puts things right."""
    deadline = time.monotonic() + _LOCK_S
    while True:
        lock = take_lock(workspace)
        if lock is not None or running_worker(workspace) or time.monotonic() > deadline:
            return lock
        time.sleep(0.05)


class Worker:
    """Slots that run jobs side by side, as Huey's worker threads."""

    def __init__(self, workspace: Workspace, slots: int) -> None:
        self._workspace = workspace
        self._slots = slots
        self._connections = threading.local()
        self._draining = threading.Event()
        self._interrupted = threading.Event()
        self._wakeups = open_wakeups(workspace, self._run_next)
        self._consumer = _Consumer(
            self._wakeups.huey,
            self._draining,
            self._interrupted,
            workers=slots,
            initial_delay=0.1,
            max_delay=_POLL_S,
            check_worker_health=True,
        )

    def run(self) -> None:
        self._wakeups.flush()
        self._wake_all()
        self._consumer.run()

    def _wake_all(self) -> None:
        for _ in range(self._slots):
            self._wakeups.wake()

    def _db(self) -> sqlite3.Connection:
        if not hasattr(self._connections, "db"):
            self._connections.db = open_store(self._workspace)
        db: sqlite3.Connection = self._connections.db
        return db

    def _run_next(self) -> None:
        """What a wake-up does: run one job, if one may run. Its end may have made others ready: wake all again."""
        if self._draining.is_set():
            return
        job = claim(self._db())
        if job is None:
            return
        Child(self._workspace, self._db(), job).run_to_end(self._interrupted)
        if not self._draining.is_set():
            self._wake_all()


class _Consumer(Consumer):  # type: ignore[misc]
    """Huey's consumer, whose end is told to the threads that wait for children."""

    def __init__(self, huey: Any, draining: threading.Event, interrupted: threading.Event, **options: Any) -> None:
        super().__init__(huey, **options)
        self._draining = draining
        self._interrupted = interrupted

    def _set_signal_handlers(self) -> None:
        super()._set_signal_handlers()
        # Huey would start the program again; a worker simply goes on when its terminal is closed.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _handle_signal(self, signum: int, frame: Any) -> None:
        super()._handle_signal(signum, frame)
        # At once, not when Huey looks at its flags: a slot that is just set free must take no further job.
        self._draining.set()
        if signum == signal.SIGTERM:
            # It may also come while the worker drains, when nobody looks at Huey's flags any more.
            self._interrupted.set()

    def stop(self, graceful: bool = False) -> None:
        self._draining.set()
        if not graceful:
            self._interrupted.set()
        # Without grace, too, each thread first ends its child and puts the job back: that takes no time.
        super().stop(graceful=True)

    def _interrupt_workers(self) -> None:
        """A second SIGINT: drain no longer."""
        self._interrupted.set()
        self._join_workers()


def main() -> None:
    """What `ttsdash worker start` starts: `python -P -m jobs.worker HOME [SLOTS]`."""
    workspace = find_workspace(sys.argv[1])
    workspace.prepare()
    create_private(workspace.worker_log)
    handler = RotatingFileHandler(workspace.worker_log, maxBytes=1_000_000, backupCount=3, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("huey").setLevel(logging.WARNING)
    try:
        code = run_worker(workspace, int(sys.argv[2]) if len(sys.argv) > 2 else default_slots())
    except Exception:
        _log.exception("the worker could not go on")
        raise
    sys.exit(code)


if __name__ == "__main__":
    main()
