"""Pausing jobs, also one that runs: it is ended as soon as it has saved what it has done."""

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from core.records.job_states import RESUMABLE, JobState
from core.records.jobs import Job
from core.store import pausing
from core.store.jobs import get_job
from core.store.lifecycle import is_pause_asked
from core.workspace import Workspace
from jobs.lock import running_worker
from jobs.worker_control import reap_cancelled

# A training saves its state every 30 seconds; before it begins, and while it is judged, that takes longer.
_SAVE_WAIT_S = 90.0
_LOOK_INTERVAL_S = 1.0


def pause_jobs(workspace: Workspace, db: sqlite3.Connection, job_ids: Sequence[int]) -> list[int]:
    """Pause all of these jobs or none. Returns and raises as `core.store.pausing.pause_jobs`.

    Those that a dead worker left running are requeued first: no process is left that could save anything.
    """
    if any(get_job(db, job_id).state == JobState.RUNNING for job_id in job_ids) and not running_worker(workspace):
        reap_cancelled(workspace)
    return pausing.pause_jobs(db, job_ids)


class Pause:
    """The pause of a running job, if a user asks for one."""

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, job: Job) -> None:
        self._workspace, self._db, self._job = workspace, db, job
        self._saved_before: frozenset[tuple[Path, int]] | None = None
        self._asked_at = self._looked_at = 0.0

    def is_due(self) -> bool:
        """Return whether to end the job's process now: it has saved something since the pause was asked for.

        A process that saves nothing for long is ended nevertheless. Raises sqlite3.OperationalError.
        """
        if self._job.kind not in RESUMABLE:
            return False
        if not is_pause_asked(self._db, self._job.id):
            self._saved_before = None
            return False
        at, folder = time.monotonic(), self._workspace.training(self._job.id)
        if self._saved_before is None:
            self._saved_before, self._asked_at, self._looked_at = _saved_files(folder), at, at
        if at - self._looked_at < _LOOK_INTERVAL_S:
            return False
        self._looked_at = at
        return at - self._asked_at > _SAVE_WAIT_S or _saved_files(folder) != self._saved_before


def _saved_files(folder: Path) -> frozenset[tuple[Path, int]]:
    """Return the files of a training, each with the time at which it was written; drafts have hidden names."""
    found = set()
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(parent, name) for name in names if not name.startswith(".")):
            with suppress(FileNotFoundError):
                found.add((path, path.stat().st_mtime_ns))
    return frozenset(found)
