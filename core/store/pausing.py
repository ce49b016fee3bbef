"""Pausing and resuming single jobs, as users ask for it. Each is one transaction.

A paused job stays queued in its place, with the time of the pause, and is not claimed. One that runs gets the time of the pause
first; its worker, or the next one if that dies, requeues it. So a kill at any moment leaves it paused or running, never lost.
"""

import sqlite3
from collections.abc import Sequence

from core.clock import now
from core.errors import InvalidInput
from core.records.job_states import OPEN, RESUMABLE, UNSUCCESSFUL, JobEventKind, JobState, sql_list
from core.records.jobs import ENDED_PHRASES, Job
from core.store.database import transaction
from core.store.jobs import add_event, get_job


def pause_jobs(db: sqlite3.Connection, job_ids: Sequence[int]) -> list[int]:
    """Pause all of these jobs or none. Return those that were not paused before; one that runs ends once it is saved.

    Raises NotFound, and InvalidInput for a job that has ended or is being cancelled, and for one that runs and could not go
    on later.
    """
    with transaction(db):
        jobs = [get_job(db, job_id) for job_id in job_ids]
        for job in jobs:
            _refuse_to_pause(job)
        new = [job for job in jobs if job.paused_at is None]
        for job in new:
            db.execute("UPDATE jobs SET paused_at = ? WHERE id = ?", (now(), job.id))
            running = job.state == JobState.RUNNING
            add_event(db, job.id, JobEventKind.PAUSE_ASKED if running else JobEventKind.PAUSED)
    return [job.id for job in new]


def _refuse_to_pause(job: Job) -> None:
    if job.ended:
        raise InvalidInput(f"job {job.id} {ENDED_PHRASES[job.state]}: nothing to pause")
    if job.cancel_asked:
        raise InvalidInput(f"job {job.id} is being cancelled: nothing to pause")
    if job.state == JobState.RUNNING and job.kind not in RESUMABLE:
        raise InvalidInput(
            f"job {job.id} is a running {job.kind}, which could not go on later: cancel it (ttsdash jobs cancel {job.id}), "
            "or pause the queue (ttsdash jobs pause)"
        )


def resume_jobs(db: sqlite3.Connection, job_ids: Sequence[int]) -> list[int]:
    """Let all of these jobs start again, each in its place, or none. Return those that were paused.

    Raises NotFound, and InvalidInput for a job that has ended.
    """
    with transaction(db):
        jobs = [get_job(db, job_id) for job_id in job_ids]
        for job in jobs:
            _refuse_to_resume(job)
        paused = [job for job in jobs if job.paused_at is not None]
        for job in paused:
            db.execute("UPDATE jobs SET paused_at = NULL WHERE id = ?", (job.id,))
            add_event(db, job.id, JobEventKind.RESUMED)
    return [job.id for job in paused]


def _refuse_to_resume(job: Job) -> None:
    if job.ended:
        fix = f" (retry it with `ttsdash jobs retry {job.id}`)" if job.state in UNSUCCESSFUL else ""
        raise InvalidInput(f"job {job.id} {ENDED_PHRASES[job.state]}: nothing to resume{fix}")


def only_paused_jobs_wait(db: sqlite3.Connection) -> bool:
    """Return whether every queued job is paused, or waits for one that has not ended."""
    row = db.execute(
        f"""SELECT 1 FROM jobs AS candidate WHERE state = '{JobState.QUEUED}' AND paused_at IS NULL
              AND NOT EXISTS (SELECT 1 FROM job_after JOIN jobs AS prerequisite ON prerequisite.id = after_id
                              WHERE job_id = candidate.id AND prerequisite.state IN {sql_list(OPEN)})
            LIMIT 1"""
    ).fetchone()
    return row is None
