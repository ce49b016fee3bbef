"""Progress and heartbeat of a job process, written by a thread at most four times a second."""

import contextlib
import logging
import os
import sqlite3
import threading
import time

from core.errors import StoreLocked
from core.store.database import open_store
from core.store.jobs import StaleAttempt
from core.store.lifecycle import report
from core.store.locked import is_locked
from core.workspace import Workspace

_WRITE_INTERVAL_S = 0.25
_HEARTBEAT_S = 5.0
_log = logging.getLogger("ttsdash.job")


class Reporter:
    """A thread that writes the latest progress; `report` only stores it, so a job may call it as often as it likes."""

    def __init__(self, workspace: Workspace, job_id: int, attempt: int) -> None:
        self._workspace, self._job_id, self._attempt = workspace, job_id, attempt
        self._latest: tuple[str, float | None] = ("starting", None)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write, name="reporter", daemon=True)
        self._thread.start()

    def report(self, stage: str, progress: float | None) -> None:
        """Set the stage and the progress (0..1, None: unknown), and log a new stage."""
        if stage != self._latest[0]:
            _log.info("%s", stage)
        self._latest = (stage, progress)

    def stop(self) -> None:
        """Stop the thread."""
        self._stopped.set()
        self._thread.join()

    def _write(self) -> None:
        db = self._open()
        if db is None:
            return
        # A lost heartbeat is soon followed by another one, so this connection need not wait for the disk.
        db.execute("PRAGMA synchronous = NORMAL")
        # Nor for a lock, which would delay the end of the job.
        db.execute("PRAGMA busy_timeout = 1000")
        written, written_at = None, float("-inf")
        while not self._stopped.wait(_WRITE_INTERVAL_S):
            latest = self._latest
            if latest == written and time.monotonic() - written_at < _HEARTBEAT_S:
                continue
            try:
                report(db, self._job_id, self._attempt, *latest)
                written, written_at = latest, time.monotonic()
            except StaleAttempt as error:
                _log.info("stopping: %s", error)
                os._exit(1)
            except sqlite3.OperationalError as error:
                # A job that has to wait for the lock reports that itself.
                if not is_locked(error):
                    _log.warning("cannot write progress: %s", error)
        db.close()

    def _open(self) -> sqlite3.Connection | None:
        """Open the store once it is not locked; return None if the job ends before."""
        while not self._stopped.is_set():
            with contextlib.suppress(StoreLocked):
                return open_store(self._workspace)
        return None
