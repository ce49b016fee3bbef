"""Storing what a job has finished: as soon as `data.db` is not locked, and by the next worker if the job's was killed."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from core.records.job_states import JobState
from core.records.jobs import Job
from core.store.database import BUSY_TIMEOUT_S, transaction
from core.store.jobs import StaleAttempt, get_job
from core.store.lifecycle import commit_result
from core.store.locked import when_unlocked
from core.store.results import put_benchmark
from core.store.voices import put_variant
from core.variants.checksums import checksum_of
from core.workspace import Workspace
from jobs.context import JobContext
from jobs.finished import FinishedWork, forget, keep, kept_attempts, read_kept
from jobs.liveness import waiting_stage

# The program that holds the lock is named after this long.
_WAIT_S = 2
_job_log = logging.getLogger("ttsdash.job")
_worker_log = logging.getLogger("ttsdash.worker")


def store_finished(context: JobContext, work: FinishedWork) -> None:
    """Store what a job has finished. While `data.db` is locked, keep it beside the job and wait.

    Raises StaleAttempt before anything is changed, and sqlite3.Error; benchmarks are then still kept, for the worker.
    """
    job, workspace = context.job, context.workspace
    try:
        keep(workspace, job.id, context.attempt, work)
    except OSError as error:
        # On a full disk, for example. What is stored now needs no file.
        _job_log.warning("cannot keep what is finished beside the job: %s", error)

    def wait(reason: str) -> None:
        _job_log.warning("finished, but %s is %s: waiting to store it", workspace.data_db, reason)
        context.report(waiting_stage(reason), None)

    try:
        with _short_waits(context.db):
            when_unlocked(workspace.data_db, lambda: _store(context.db, job.id, context.attempt, work), on_wait=wait)
    except StaleAttempt:
        forget(workspace, job.id, context.attempt)
        raise
    forget(workspace, job.id, context.attempt)


@contextmanager
def _short_waits(db: sqlite3.Connection) -> Iterator[None]:
    db.execute(f"PRAGMA busy_timeout = {_WAIT_S * 1000}")
    try:
        yield
    finally:
        db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")


def _store(db: sqlite3.Connection, job_id: int, attempt: int, work: FinishedWork) -> None:
    """Make finished work visible in one transaction. If it fails, the drafts of a variant are discarded."""
    benchmark = work.benchmark
    if benchmark:
        from core.history.regression import mark_regressions

        benchmark = mark_regressions(db, benchmark)
    with transaction(db):
        commit_result(db, job_id, attempt, work.result)
        if benchmark:
            put_benchmark(db, benchmark, job_id)
        if work.variant:
            put_variant(db, work.voice_id, work.variant)
            work.drafts.publish()


def store_kept(workspace: Workspace, db: sqlite3.Connection, job: Job) -> None:
    """Store what the current attempt at a job has finished, if it is kept; none of its processes may be left.

    What cannot be stored any more is dropped. Raises sqlite3.OperationalError, StoreLocked among them: then it is still kept.
    """
    try:
        work = read_kept(workspace, job)
        if work and get_job(db, job.id).result is None:
            _refuse_changed(work)
            _store(db, job.id, job.attempt, work)
            _worker_log.warning("job %s had finished: stored what it had kept", job.id)
    except StaleAttempt:
        _worker_log.info("job %s was cancelled: dropped what it had kept", job.id)
    except (OSError, ValueError, sqlite3.IntegrityError) as error:
        _worker_log.error("job %s had finished, but what it had kept cannot be stored: %s", job.id, error)
    forget(workspace, job.id, job.attempt)


def _refuse_changed(work: FinishedWork) -> None:
    """Raise ValueError for a variant whose files are no longer what was checked."""
    if not work.variant:
        return
    draft, final = work.names[-1]
    if checksum_of(draft if draft.exists() else final) != work.variant.sha256:
        raise ValueError(f"{draft} was changed")


def drop_outdated(workspace: Workspace, db: sqlite3.Connection) -> None:
    """Remove kept work of attempts that have ended: it was stored just before its process was killed."""
    for job_id, attempt in list(kept_attempts(workspace)):
        row = db.execute("SELECT state, attempt FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None or (row["state"], row["attempt"]) != (JobState.RUNNING, attempt):
            forget(workspace, job_id, attempt)
