"""The worker: a Huey consumer that claims jobs from the job table and runs each in a separate process."""

import argparse
import logging
import os
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from logging.handlers import RotatingFileHandler
from typing import TypeVar

import core
from core.clock import now, parse_timestamp
from core.files import create_private
from core.hardware.detection import usable_cores, usable_memory_mb
from core.hardware.limits import describe_limits, lift_limits, read_limits
from core.hardware.machine import this_machine
from core.records.job_states import RESUMABLE
from core.records.jobs import Job
from core.records.resources import Capacity
from core.store.database import is_newer, open_store, transaction
from core.store.jobs import get_job, open_ids
from core.store.lifecycle import claim, next_not_before, next_runnable
from core.store.locked import when_unlocked
from core.store.voices import voice_of_id
from core.workspace import Workspace, find_workspace
from jobs.consumer import POLL_S, WorkerConsumer
from jobs.hook import HookRunner, kill_orphaned_hook
from jobs.job_process import JobProcess
from jobs.lock import ALREADY_RUNNING, WorkerInfo, WorkerLock, inode_of, running_worker, take_lock
from jobs.process_groups import start_token
from jobs.recovery import reconcile
from jobs.scheduling import disk_shortage
from jobs.wakeups import open_wakeups

T = TypeVar("T")

_LOCK_S = 5.0
_log = logging.getLogger("ttsdash.worker")


def default_slots() -> int:
    """Return half the number of cores, since a job keeps about two busy."""
    return max(1, usable_cores() // 2)


def run_worker(workspace: Workspace, slots: int, idle_s: float | None = None) -> int:
    """Run jobs until SIGINT (drain), SIGTERM (requeue running jobs) or `idle_s` seconds without a job. Return the exit code."""

    def patiently(action: Callable[[], T]) -> T:
        return when_unlocked(
            workspace.data_db, action, on_wait=lambda reason: _log.warning("waiting: data.db is %s", reason)
        )

    db = patiently(lambda: open_store(workspace))
    lock = _take_lock(workspace)
    if lock is None:
        return ALREADY_RUNNING
    lock.beat()
    patiently(lambda: reconcile(workspace, db))
    kill_orphaned_hook(workspace)
    info = WorkerInfo(
        pid=os.getpid(),
        birth=start_token(os.getpid()) or "",
        since=now(),
        version=core.program_version(),
        slots=slots,
        cores=usable_cores(),
        memory_mb=usable_memory_mb(),
        idle_s=idle_s,
        store=inode_of(workspace.data_db),
        limits=read_limits(),
        host=socket.gethostname(),
    )
    Worker(workspace, lock, info).run()
    _log.info("worker ended")
    return 0


def _take_lock(workspace: Workspace) -> WorkerLock | None:
    """Return the lock, or None if a worker holds it; another process may hold it briefly to reap cancelled jobs."""
    deadline = time.monotonic() + _LOCK_S
    while True:
        lock = take_lock(workspace)
        if lock is not None or running_worker(workspace) or time.monotonic() > deadline:
            return lock
        time.sleep(0.05)


class Worker:
    """A worker whose slots, which are Huey's worker threads, run jobs concurrently."""

    def __init__(self, workspace: Workspace, lock: WorkerLock, info: WorkerInfo) -> None:
        self._workspace, self._lock, self._info = workspace, lock, info
        self._capacity = Capacity(info.slots, info.cores, info.memory_mb)
        self._machine = this_machine().id
        self._connections = threading.local()
        self._draining = threading.Event()
        self._interrupted = threading.Event()
        self._busy_at = time.monotonic()
        self._disk_was_full = self._disk_full_logged = False
        self._hook = HookRunner(workspace, self._interrupted)
        self._wakeups = open_wakeups(workspace, self._run_all)
        self._consumer = WorkerConsumer(
            self._wakeups.huey,
            self._draining,
            self._interrupted,
            on_started=self._announce_start,
            on_beat=self._beat,
            on_ending=self._announce_end,
            workers=info.slots,
            initial_delay=0.1,
            max_delay=POLL_S,
            check_worker_health=True,
        )

    def run(self) -> None:
        """Run until the consumer stops, then run the hooks that are due."""
        self._wakeups.flush()
        self._wake_all()
        not_before = next_not_before(self._db())
        if not_before:
            self._wakeups.wake_at(parse_timestamp(not_before))
        self._hook.start()
        self._consumer.run()
        self._hook.finish()
        if not self._is_in_place():
            # The next worker may be running already: wake it for the requeued jobs.
            self._wake_all()

    def _wake_all(self) -> None:
        """Wake every slot; if the messages cannot be sent, for example on a full disk, the next tick wakes them."""
        try:
            for _ in range(self._info.slots - self._wakeups.huey.pending_count()):
                self._wakeups.wake()
        except sqlite3.Error as error:
            _log.error("no wake-up sent: %s", error)

    def _db(self) -> sqlite3.Connection:
        if not hasattr(self._connections, "db"):
            self._connections.db = open_store(self._workspace)
        db: sqlite3.Connection = self._connections.db
        return db

    def _run_all(self) -> None:
        """Run jobs one after the other until none is runnable; called on each wake-up."""
        while not self._draining.is_set():
            job = self._claim()
            if job is None:
                return
            # A wake-up wakes one slot only; there may be work for another one.
            self._wakeups.wake()
            # Such a job takes hours, and goes on from what it has saved: nobody waits for its end.
            stops = self._draining if job.kind in RESUMABLE else self._interrupted
            JobProcess(self._workspace, self._db(), job).run_to_end(stops)
            self._hook.wake()
            # Its end may have made several jobs runnable.
            if not self._draining.is_set():
                self._wake_all()

    def _claim(self) -> Job | None:
        """Claim the next job, unless the disk is too full for it; then it waits, and each heartbeat checks again."""
        db = self._db()
        job_id = next_runnable(db)
        shortage = job_id and disk_shortage(self._workspace, voice_of_id(db, get_job(db, job_id).voice_id).size_bytes)
        if shortage:
            if not self._disk_full_logged:
                _log.warning("job %s waits: %s", job_id, shortage)
            self._disk_was_full = self._disk_full_logged = True
            return None
        self._disk_full_logged = False
        return claim(db, self._capacity, self._machine)

    def _beat(self) -> None:
        """Update the heartbeat, and stop if the files were replaced, the database is newer, or the worker was idle too long."""
        self._lock.beat()
        if not (self._is_in_place() or self._interrupted.is_set()):
            _log.error("data.db or worker.lock of %s was replaced by another file: stopping", self._workspace.root)
            self._consumer.stop()
        if self._draining.is_set():
            return
        if self._disk_was_full:
            self._disk_was_full = False
            self._wake_all()
        if is_newer(self._db()):
            _log.warning("a newer ttsdash has migrated %s: restart the worker", self._workspace.data_db)
            self._announce_end()
            self._consumer.stop(graceful=True)
        elif self._is_idle() and self._withdraw():
            _log.info("idle for %.0f s", self._info.idle_s)
            self._consumer.stop(graceful=True)

    def _is_in_place(self) -> bool:
        """Return whether `data.db` and the lock are still the files this worker opened; jobs are queued elsewhere otherwise."""
        return self._info.store == inode_of(self._workspace.data_db) and self._lock.is_in_place(self._workspace)

    def _is_idle(self) -> bool:
        if self._info.idle_s is None or open_ids(self._db()):
            self._busy_at = time.monotonic()
        return self._info.idle_s is not None and time.monotonic() - self._busy_at > self._info.idle_s

    def _withdraw(self) -> bool:
        """Give up the workspace unless a job was just queued; a job queued later finds no worker and starts one."""
        with transaction(self._db()) as db:
            idle = not open_ids(db)
            if idle:
                self._lock.withdraw()
        return idle

    def _announce_start(self) -> None:
        self._lock.announce(self._info)
        _log.info("worker started, pid %s, %s slots, in %s", self._info.pid, self._info.slots, self._workspace.root)
        _log.info("limits: %s", describe_limits(self._info.limits))

    def _announce_end(self) -> None:
        self._lock.announce(replace(self._info, stopping=True))


def main() -> None:
    """Run a worker in the foreground; `ttsdash worker start` starts this in the background."""
    # Its jobs inherit what it has, and measure under it.
    lift_limits()
    parser = argparse.ArgumentParser("python -P -m jobs.worker")
    parser.add_argument("home")
    parser.add_argument("--slots", type=int, default=default_slots())
    parser.add_argument("--idle", type=float, metavar="SECONDS")
    asked = parser.parse_args()
    workspace = find_workspace(asked.home)
    workspace.prepare()
    create_private(workspace.worker_log)
    handler = RotatingFileHandler(workspace.worker_log, maxBytes=1_000_000, backupCount=3, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("huey").setLevel(logging.WARNING)
    try:
        code = run_worker(workspace, asked.slots, asked.idle)
    except Exception:
        _log.exception("the worker failed")
        raise
    sys.exit(code)


if __name__ == "__main__":
    main()
