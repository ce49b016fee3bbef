"""Runs one claimed job in a separate process and records how it ended."""

import contextlib
import logging
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from core.clock import format_duration, now
from core.errors import format_error
from core.files import PRIVATE_FILE, mkdir_private
from core.hardware.memory import out_of_memory_kills
from core.processes import child_environment, module_command
from core.records.job_states import JobState
from core.records.jobs import Job
from core.store.jobs import get_job
from core.store.lifecycle import (
    ResourceUsage,
    finish,
    is_cancel_asked,
    record_process,
    record_usage,
    requeue,
)
from core.workspace import Workspace
from jobs.pausing import Pause
from jobs.process_groups import TAG, kill_group
from jobs.recovery import environment_tag, has_advanced, remove_leftovers
from jobs.scheduling import DISK_FULL
from jobs.storing import store_kept
from jobs.usage import UsageMeter

_POLL_INTERVAL_S = 0.1
_METER_INTERVAL_S = 1.0
_RETRY_INTERVAL_S = 1.0
_MAX_LOG_BYTES = 20_000_000
_LAST_LINE_BYTES = 2000
# Signals by which the process was ended from outside: the job did not fail.
_ENDED_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_log = logging.getLogger("ttsdash.worker")


class JobProcess:
    """The process of one attempt at a job: a separate session, no standard input, output to the job's log."""

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, job: Job) -> None:
        self._workspace, self._db, self._job = workspace, db, job
        self._log = workspace.job_log(job.id)
        self._cpu_seconds: float | None = None
        self._peak_mb: float | None = None

    def run_to_end(self, interrupted: threading.Event) -> None:
        """Start the process, wait for its end, a cancel, an exceeded limit or `interrupted`, and record the outcome."""
        started, kills = time.monotonic(), out_of_memory_kills()
        try:
            process = self._start()
        except OSError as error:
            reason = f"cannot start its process: {format_error(error)}"
            _persist(lambda: finish(self._db, self._job.id, self._job.attempt, JobState.FAILED, reason), interrupted)
            return
        try:
            stopped_by = self._wait(process, started, interrupted)
        finally:
            # Processes that it started end with it, even if it ended normally.
            kill_group(process.pid)
            if process.returncode is None:
                self._reap(process, 0)
        usage = ResourceUsage(time.monotonic() - started, self._cpu_seconds, self._peak_mb)
        out_of_memory = out_of_memory_kills() > kills
        _persist(lambda: self._record(process.returncode, stopped_by, out_of_memory, usage), interrupted)

    def _start(self) -> subprocess.Popen[bytes]:
        scratch = self._workspace.scratch(self._job.id)
        mkdir_private(scratch)
        command = module_command("jobs.job_main", str(self._workspace.root), str(self._job.id))
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
        with os.fdopen(log, "wb") as file:
            file.write(f"--- {now()} attempt {self._job.attempt}\n".encode())
            file.flush()
            return subprocess.Popen(
                [*command, str(self._job.attempt), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                cwd=self._workspace.root,
                env={
                    **child_environment(),
                    TAG: environment_tag(self._workspace, self._job),
                    "TMPDIR": str(scratch),
                    "PYTHONUTF8": "1",
                    # Keep progress bars of libraries out of the log.
                    "TQDM_DISABLE": "1",
                },
            )

    def _wait(self, process: subprocess.Popen[bytes], started: float, interrupted: threading.Event) -> str | None:
        """Wait for the end of the process.

        Return why this worker ends it ("cancel", "pause", "interrupt", or an error about a limit), or None if it ended by
        itself.
        """
        recorded, meter, metered_at = False, UsageMeter(process.pid), started
        pause = Pause(self._workspace, self._db, self._job)
        while not self._reap(process, os.WNOHANG):
            # A store that is temporarily unavailable, for example on a full disk, does not end the job.
            with contextlib.suppress(sqlite3.OperationalError):
                if not recorded:
                    record_process(self._db, self._job, process.pid)
                    recorded = True
                if is_cancel_asked(self._db, self._job.id):
                    return "cancel"
                if pause.is_due():
                    return "pause"
            if interrupted.wait(_POLL_INTERVAL_S):
                return "interrupt"
            if time.monotonic() - metered_at >= _METER_INTERVAL_S:
                metered_at = time.monotonic()
                exceeded = self._meter(meter, metered_at - started)
                if exceeded:
                    return exceeded
        return None

    def _reap(self, process: subprocess.Popen[bytes], options: int) -> bool:
        """Wait with `os.wait4`, which unlike `subprocess` reports CPU time. Return whether the process has ended."""
        pid, status, usage = os.wait4(process.pid, options)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            self._cpu_seconds = usage.ru_utime + usage.ru_stime
        return bool(pid)

    def _meter(self, meter: UsageMeter, seconds: float) -> str | None:
        """Record the current usage. Return an error if a limit is exceeded."""
        limits = self._job.limits
        try:
            usage = meter.read()
        except psutil.Error:
            return None  # the process has just ended
        self._peak_mb = max(self._peak_mb or 0.0, usage.peak_mb)
        # Limits are enforced even on a full disk, where nothing can be recorded.
        with contextlib.suppress(sqlite3.OperationalError, OSError):
            record_usage(self._db, self._job, usage.cpu_percent, usage.rss_mb)
            _rotate(self._log)
        if limits.seconds is not None and seconds > limits.seconds:
            return f"ended after {format_duration(limits.seconds)}, its time_limit: set a longer one in ttsdash.yaml, then retry it"
        if limits.memory_mb is not None and usage.rss_mb > limits.memory_mb:
            return (
                f"ended at {usage.rss_mb:.0f} MB of memory, its memory_limit is {limits.memory_mb} MB: "
                "set a higher one in ttsdash.yaml, then retry it"
            )
        return None

    def _record(self, code: int, stopped_by: str | None, out_of_memory: bool, usage: ResourceUsage) -> None:
        db = self._db
        store_kept(self._workspace, db, self._job)
        job = get_job(db, self._job.id)
        remove_leftovers(self._workspace, job)
        # A job whose result is committed has succeeded, however its process ended.
        if code == 0 or job.result is not None:
            finish(db, job.id, self._job.attempt, JobState.SUCCEEDED, usage=usage)
        elif stopped_by == "cancel" or job.cancel_asked:
            finish(db, job.id, self._job.attempt, JobState.CANCELLED, usage=usage)
        elif stopped_by == "interrupt":
            requeue(db, job.id, self._job.attempt, "the worker was stopped", counts=False, usage=usage)
        elif stopped_by == "pause":
            requeue(db, job.id, self._job.attempt, "it goes on from what is saved", counts=False, usage=usage)
        elif stopped_by:
            finish(db, job.id, self._job.attempt, JobState.FAILED, stopped_by, usage)
        elif out_of_memory and code == -signal.SIGKILL:
            peak = f" at {self._peak_mb:.0f} MB" if self._peak_mb else ""
            finish(
                db,
                job.id,
                self._job.attempt,
                JobState.FAILED,
                f"the system ran out of memory and killed it{peak}",
                usage,
            )
        elif -code in _ENDED_FROM_OUTSIDE:
            renews = has_advanced(self._workspace, job)
            reason = f"its process was killed (signal {-code})"
            requeue(db, job.id, self._job.attempt, reason, usage=usage, renews=renews)
        else:
            finish(db, job.id, self._job.attempt, JobState.FAILED, job.error or self._unexplained(code), usage)

    def _unexplained(self, code: int) -> str:
        where = f"see `ttsdash jobs logs {self._job.id}`"
        if code < 0:
            return f"its process crashed ({signal.Signals(-code).name}): {where}"
        if code == DISK_FULL:
            return f"the disk was full: free some space, then `ttsdash jobs retry {self._job.id}`"
        return f"its process ended with code {code} ({_last_line(self._log)}): {where}"


def _persist(record: Callable[[], object], interrupted: threading.Event) -> None:
    """Record how a job ended, retrying while the disk is full or `data.db` is locked; an interrupted worker leaves it to
    the next one.
    """
    while True:
        try:
            record()
        except sqlite3.OperationalError as error:
            _log.error("cannot record how a job ended (%s); trying again", error)
            if interrupted.wait(_RETRY_INTERVAL_S):
                return
        else:
            return


def _rotate(log: Path) -> None:
    """Move the content of a huge log to `.log.1`. The process has the log open for appending, so it is truncated."""
    if log.stat().st_size > _MAX_LOG_BYTES:
        log.with_suffix(".log.1").unlink(missing_ok=True)
        log.with_suffix(".log.1").write_bytes(log.read_bytes())
        log.with_suffix(".log.1").chmod(PRIVATE_FILE)
        os.truncate(log, 0)


def _last_line(log: Path) -> str:
    try:
        lines = log.read_bytes()[-_LAST_LINE_BYTES:].decode(errors="replace").split("\n")
    except OSError:
        return "its log is missing"
    return next((line.strip() for line in reversed(lines) if line.strip()), "its log is empty")
