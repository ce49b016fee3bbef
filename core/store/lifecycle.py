"""The lifecycle of a running job: claim, progress, result, end. Each change is one transaction.

Claiming a job increments its `attempt`, which works as a fencing token: every write of a job process carries the attempt
that it was started for, so a process that outlived its worker cannot write once its successor runs.
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from core.clock import now
from core.records.job_states import JobEventKind, JobState
from core.records.jobs import ATTEMPTS, ENDED_PHRASES, Job
from core.records.resources import UNLIMITED, Capacity, blocked_reason
from core.store.database import transaction
from core.store.jobs import StaleAttempt, add_event, get_job, list_jobs


@dataclass(frozen=True)
class ResourceUsage:
    """The resources that an attempt used: wall time (monotonic), CPU time, peak memory in MB. None: not measured."""

    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_mb: float | None = None


def claim(db: sqlite3.Connection, capacity: Capacity = UNLIMITED, machine: str | None = None) -> Job | None:
    """Claim the next runnable job for this machine and return it, or return None.

    If that job does not fit beside the running ones, nothing is claimed: jobs behind it would keep it waiting for ever.
    """
    with transaction(db):
        job_id = next_runnable(db)
        if job_id is None or is_paused(db):
            return None
        job = get_job(db, job_id)
        if blocked_reason(
            job.resources, [other.resources for other in list_jobs(db, states=(JobState.RUNNING,))], capacity
        ):
            return None
        db.execute(
            f"""UPDATE jobs SET state = '{JobState.RUNNING}', attempt = attempt + 1, started_at = :now, heartbeat_at = :now,
                   machine_id = :machine, stage = 'starting', progress = NULL, error = NULL, result = NULL,
                   finished_at = NULL, process_group = NULL, seconds = NULL, cpu_seconds = NULL, peak_mb = NULL
               WHERE id = :id""",
            {"now": now(), "machine": machine, "id": job_id},
        )
        add_event(db, job_id, JobEventKind.STARTED)
    return get_job(db, job_id)


def next_runnable(db: sqlite3.Connection) -> int | None:
    """Return the id of the job to start next, or None.

    It is the first by priority, then position, that is not paused, whose prerequisites have succeeded, whose start time has
    passed, and whose variant no running job makes.
    """
    row = db.execute(
        f"""SELECT id FROM jobs AS candidate
           WHERE state = '{JobState.QUEUED}' AND paused_at IS NULL AND (not_before IS NULL OR not_before <= ?)
             AND NOT EXISTS (SELECT 1 FROM job_after JOIN jobs AS prerequisite ON prerequisite.id = after_id
                             WHERE job_id = candidate.id AND prerequisite.state <> '{JobState.SUCCEEDED}')
             -- Two jobs that make the same variant would overwrite each other's files.
             AND NOT EXISTS (SELECT 1 FROM jobs AS twin WHERE twin.state = '{JobState.RUNNING}'
                             AND twin.voice_id = candidate.voice_id AND twin.variant = candidate.variant)
           ORDER BY priority DESC, turn, id LIMIT 1""",
        (now(),),
    ).fetchone()
    return int(row[0]) if row else None


def is_paused(db: sqlite3.Connection) -> bool:
    """Return whether the queue is paused."""
    return db.execute("SELECT paused_at FROM queue").fetchone()[0] is not None


def next_not_before(db: sqlite3.Connection) -> str | None:
    """Return the earliest start time that a queued job still waits for, or None."""
    row = db.execute(
        f"SELECT min(not_before) FROM jobs WHERE state = '{JobState.QUEUED}' AND not_before > ?", (now(),)
    ).fetchone()
    return str(row[0]) if row[0] else None


def record_process(db: sqlite3.Connection, job: Job, process_group: int) -> None:
    """Store the process group of a job, so that it can be ended if the worker dies. Raises StaleAttempt.

    The worker writes this, not the job process, so it is allowed even if a cancel was requested meanwhile.
    """
    changed = db.execute(
        f"UPDATE jobs SET process_group = ? WHERE id = ? AND attempt = ? AND state = '{JobState.RUNNING}'",
        (process_group, job.id, job.attempt),
    ).rowcount
    if not changed:
        raise StaleAttempt(f"job {job.id} no longer belongs to attempt {job.attempt}")


def record_usage(db: sqlite3.Connection, job: Job, cpu_percent: float, rss_mb: float) -> None:
    """Store what the job's processes currently use, for display."""
    db.execute(
        f"UPDATE jobs SET cpu_percent = ?, rss_mb = ? WHERE id = ? AND attempt = ? AND state = '{JobState.RUNNING}'",
        (cpu_percent, rss_mb, job.id, job.attempt),
    )


def report(db: sqlite3.Connection, job_id: int, attempt: int, stage: str, progress: float | None) -> None:
    """Store progress and heartbeat of a job process. Raises StaleAttempt."""
    _fenced(
        db, job_id, attempt, "stage = :stage, progress = :progress, heartbeat_at = :now", stage=stage, progress=progress
    )


def commit_result(db: sqlite3.Connection, job_id: int, attempt: int, result: dict[str, Any]) -> None:
    """Store the result of a job; call it in the transaction that stores what the job made. Raises StaleAttempt."""
    _fenced(db, job_id, attempt, "result = :result, progress = 1.0", result=json.dumps(result))


def commit_error(db: sqlite3.Connection, job_id: int, attempt: int, error: str) -> None:
    """Store the one-line error of a job. Raises StaleAttempt."""
    _fenced(db, job_id, attempt, "error = :error", error=error)


def finish(
    db: sqlite3.Connection,
    job_id: int,
    attempt: int,
    state: JobState,
    error: str | None = None,
    usage: ResourceUsage | None = None,
) -> bool:
    """End a running job and, unless it succeeded, cancel its dependents. Return False if the attempt is stale."""
    with transaction(db):
        return _end(db, job_id, attempt, state, error, usage)


def requeue(
    db: sqlite3.Connection,
    job_id: int,
    attempt: int,
    reason: str,
    counts: bool = True,
    usage: ResourceUsage | None = None,
    not_before: str | None = None,
    renews: bool = False,
) -> JobState:
    """Requeue an interrupted job and return its new state.

    It succeeds instead if its result is committed, is cancelled if that was requested, and fails after its last attempt.
    `counts` is False for an intended interruption, which uses up no attempt; a pause is one, however the attempt ended.
    `renews` is True for an attempt that got further than the ones before, after which the job has all its attempts again.
    A stale attempt changes nothing.
    """
    with transaction(db):
        job = get_job(db, job_id)
        if job.state != JobState.RUNNING or job.attempt != attempt:
            return job.state
        if job.result is not None:
            _end(db, job_id, attempt, JobState.SUCCEEDED, None, usage)
            return JobState.SUCCEEDED
        if job.cancel_asked:
            _end(db, job_id, attempt, JobState.CANCELLED, None, usage)
            return JobState.CANCELLED
        counts = counts and not job.pausing
        if counts and not renews and attempt >= job.last_attempt:
            error = f"given up after {ATTEMPTS} attempts: {reason}; see its log"
            _end(db, job_id, attempt, JobState.FAILED, error, usage)
            return JobState.FAILED
        last_attempt = attempt + ATTEMPTS if renews else job.last_attempt + (0 if counts else 1)
        db.execute(
            f"""UPDATE jobs SET state = '{JobState.QUEUED}', {_NO_LONGER_LIVE}, error = NULL,
                   progress = CASE WHEN paused_at IS NOT NULL THEN progress END,
                   last_attempt = ?, not_before = coalesce(?, not_before) WHERE id = ?""",
            (last_attempt, not_before, job_id),
        )
        add_event(db, job_id, JobEventKind.PAUSED if job.pausing else JobEventKind.REQUEUED, reason)
        return JobState.QUEUED


def is_cancel_asked(db: sqlite3.Connection, job_id: int) -> bool:
    """Return whether the job was asked to end."""
    row = db.execute("SELECT cancel_asked FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return bool(row and row[0])


def is_pause_asked(db: sqlite3.Connection, job_id: int) -> bool:
    """Return whether the job is paused, or asked to end for a pause."""
    row = db.execute("SELECT paused_at FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return bool(row and row[0])


def dependents(db: sqlite3.Connection, job_id: int, state: JobState) -> list[int]:
    """Return the jobs of that state that wait for this one, directly or indirectly."""
    rows = db.execute(
        """WITH RECURSIVE waiting (id) AS (
               SELECT job_id FROM job_after WHERE after_id = ?
               UNION SELECT job_id FROM job_after JOIN waiting ON after_id = waiting.id)
           SELECT jobs.id FROM jobs JOIN waiting USING (id) WHERE jobs.state = ? ORDER BY jobs.id""",
        (job_id, state),
    )
    return [row[0] for row in rows]


def cancel_dependents(db: sqlite3.Connection, job_id: int, state: JobState) -> None:
    """Cancel the queued dependents of a job that ended in `state`; call it in the transaction of its end."""
    reason = f"job {job_id}, which it waits for, {ENDED_PHRASES[state]}"
    for dependent in dependents(db, job_id, JobState.QUEUED):
        db.execute(
            "UPDATE jobs SET state = ?, error = ?, finished_at = ?, paused_at = NULL WHERE id = ?",
            (JobState.CANCELLED, reason, now(), dependent),
        )
        add_event(db, dependent, JobState.CANCELLED, reason)


_NO_LONGER_LIVE = "stage = NULL, process_group = NULL, cpu_percent = NULL, rss_mb = NULL"


def _fenced(db: sqlite3.Connection, job_id: int, attempt: int, changes: str, **values: Any) -> None:
    changed = db.execute(
        f"UPDATE jobs SET {changes} WHERE id = :id AND attempt = :attempt AND state = '{JobState.RUNNING}' AND NOT cancel_asked",
        {"id": job_id, "attempt": attempt, "now": now(), **values},
    ).rowcount
    if not changed:
        raise StaleAttempt(f"job {job_id} no longer belongs to attempt {attempt}")


def _end(
    db: sqlite3.Connection,
    job_id: int,
    attempt: int,
    state: JobState,
    error: str | None,
    usage: ResourceUsage | None = None,
) -> bool:
    usage = usage or ResourceUsage()
    changed = db.execute(
        f"""UPDATE jobs SET state = :state, error = :error, finished_at = :now, paused_at = NULL, {_NO_LONGER_LIVE},
               seconds = :seconds, cpu_seconds = :cpu, peak_mb = :peak, result = CASE WHEN :state = '{JobState.SUCCEEDED}' THEN result END
           WHERE id = :id AND attempt = :attempt AND state = '{JobState.RUNNING}'""",
        {
            "state": state,
            "error": error,
            "now": now(),
            "seconds": usage.seconds,
            "cpu": usage.cpu_seconds,
            "peak": usage.peak_mb,
            "id": job_id,
            "attempt": attempt,
        },
    ).rowcount
    if not changed:
        return False
    add_event(db, job_id, state, error)
    if state != JobState.SUCCEEDED:
        cancel_dependents(db, job_id, state)
    return True
