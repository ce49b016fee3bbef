"""Runs one claimed job in a child process, and records how it ended."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading

from core.clock import now
from core.files import PRIVATE_FILE, make_private_folder
from core.store.jobs import Job, finish, get_job, is_cancel_asked, note_process, put_back
from core.workspace import Workspace
from jobs.process_groups import kill_group, start_time
from jobs.recovery import remove_leftovers

_POLL_S = 0.2


class Child:
    """The process of one attempt at one job: in a session of its own, without standard input, its output in the log."""

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, job: Job) -> None:
        self._workspace, self._db, self._job = workspace, db, job

    def run_to_end(self, interrupted: threading.Event) -> None:
        """Start the child, wait for its end, a cancel or `interrupted`, and record what became of the job."""
        try:
            process = self._start()
        except OSError as error:
            finish(self._db, self._job.id, self._job.attempt, "failed", f"cannot start its process: {error.strerror}")
            return
        try:
            note_process(self._db, self._job, process.pid, start_time(process.pid))
            stopped_by = self._wait(process, interrupted)
        finally:
            # Whatever the child started ends with it, also when it ended by itself.
            kill_group(process.pid)
            code = process.wait()
        remove_leftovers(self._workspace, get_job(self._db, self._job.id))
        self._record(code, stopped_by)

    def _start(self) -> subprocess.Popen[bytes]:
        scratch = self._workspace.scratch(self._job.id)
        make_private_folder(scratch)
        command = [sys.executable, "-P", "-m", "jobs.run", str(self._workspace.root), str(self._job.id)]
        log = os.open(self._workspace.job_log(self._job.id), os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
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
                # The bars that libraries draw are no lines of a log.
                env={**os.environ, "TMPDIR": str(scratch), "PYTHONUTF8": "1", "TQDM_DISABLE": "1"},
            )

    def _wait(self, process: subprocess.Popen[bytes], interrupted: threading.Event) -> str | None:
        while True:
            try:
                process.wait(_POLL_S)
                return None
            except subprocess.TimeoutExpired:
                if is_cancel_asked(self._db, self._job.id):
                    return "cancel"
                if interrupted.is_set():
                    return "interrupt"

    def _record(self, code: int, stopped_by: str | None) -> None:
        db, job = self._db, get_job(self._db, self._job.id)
        # What has handed in its result has succeeded, however its process ended.
        if code == 0 or job.result is not None:
            finish(db, job.id, job.attempt, "succeeded")
        elif stopped_by == "cancel" or job.cancel_asked:
            finish(db, job.id, job.attempt, "cancelled")
        elif stopped_by == "interrupt":
            put_back(db, job.id, job.attempt, "the worker was stopped", counts=False)
        else:
            finish(db, job.id, job.attempt, "failed", job.error or self._unexplained(code))

    def _unexplained(self, code: int) -> str:
        where = f"see `ttsdash jobs logs {self._job.id}`"
        if code == -signal.SIGKILL:
            return f"its process was killed (signal 9): out of memory? {where}"
        if code < 0:
            return f"its process crashed ({signal.Signals(-code).name}): {where}"
        return f"its process ended with code {code}: {where}"
