"""What happens to a job that runs, each change one transaction.

Claiming a job raises its `attempt`; whatever a child writes carries the attempt that it was started for, so that one that
outlived its worker writes nothing beside its successor.
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from core.clock import now
from core.records.job_states import JobEventKind, JobState
from core.records.jobs import ATTEMPTS, ENDED_WORDS, Job
from core.records.resources import UNLIMITED, Capacity, blocked_reason
from core.store.database import transaction
from core.store.jobs import StaleAttempt, add_event, get_job, list_jobs


@dataclass(frozen=True)
class ResourceUsage:
    """What an attempt has cost: seconds by a steady clock, CPU seconds, the most memory in MB. None: not measured."""

    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_mb: float | None = None


def claim(db: sqlite3.Connection, capacity: Capacity = UNLIMITED, machine: str | None = None) -> Job | None:
    """Take the best job that may run now on this machine, or None.

    The best is the one of highest priority, then the first in turn, whose prerequisites have succeeded, whose time has
    come, and whose variant no other one is making. When it cannot run beside those that do, nothing is taken, so that
    those behind it do not keep it waiting.
    """
    with transaction(db):
        best = next_runnable(db)
        if best is None or is_paused(db):
            return None
        job = get_job(db, best)
        if blocked_reason(job.need, [other.need for other in list_jobs(db, states=(JobState.RUNNING,))], capacity):
            return None
        db.execute(
            f"""UPDATE jobs SET state = '{JobState.RUNNING}', attempt = attempt + 1, started_at = :now, heartbeat_at = :now,
                   machine_id = :machine, stage = 'starting', progress = NULL, error = NULL, result = NULL,
                   finished_at = NULL, process_group = NULL, seconds = NULL, cpu_seconds = NULL, peak_mb = NULL
               WHERE id = :id""",
            {"now": now(), "machine": machine, "id": best},
        )
        add_event(db, best, JobEventKind.STARTED)
    return get_job(db, best)


def next_runnable(db: sqlite3.Connection) -> int | None:
    """The job that is to start next, None when none is ready."""
    row = db.execute(
        f"""SELECT id FROM jobs AS candidate
           WHERE state = '{JobState.QUEUED}' AND (not_before IS NULL OR not_before <= ?)
             AND NOT EXISTS (SELECT 1 FROM job_after JOIN jobs AS prerequisite ON prerequisite.id = after_id
                             WHERE job_id = candidate.id AND prerequisite.state <> '{JobState.SUCCEEDED}')
             -- Two that make the same would undo each other's files.
             AND NOT EXISTS (SELECT 1 FROM jobs AS twin WHERE twin.state = '{JobState.RUNNING}'
                             AND twin.voice_id = candidate.voice_id AND twin.variant = candidate.variant)
           ORDER BY priority DESC, turn, id LIMIT 1""",
        (now(),),
    ).fetchone()
    return int(row[0]) if row else None


def is_paused(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT paused_at FROM queue").fetchone()[0] is not None


def next_time(db: sqlite3.Connection) -> str | None:
    """When the first of the jobs that wait for their time may run; None when none does."""
    row = db.execute(
        f"SELECT min(not_before) FROM jobs WHERE state = '{JobState.QUEUED}' AND not_before > ?", (now(),)
    ).fetchone()
    return str(row[0]) if row[0] else None


def record_process(db: sqlite3.Connection, job: Job, process_group: int) -> None:
    """Keep where the job's processes can be found, should its worker die; also when a cancel was asked meanwhile.

    This is the worker's write, not the child's: it is the worker that will end the process. Raises Superseded.
    """
    changed = db.execute(
        f"UPDATE jobs SET process_group = ? WHERE id = ? AND attempt = ? AND state = '{JobState.RUNNING}'",
        (process_group, job.id, job.attempt),
    ).rowcount
    if not changed:
        raise StaleAttempt(f"job {job.id} is not attempt {job.attempt}'s any more")


def record_usage(db: sqlite3.Connection, job: Job, cpu_percent: float, rss_mb: float) -> None:
    """What the job's processes take at this moment, for those who watch it."""
    db.execute(
        f"UPDATE jobs SET cpu_percent = ?, rss_mb = ? WHERE id = ? AND attempt = ? AND state = '{JobState.RUNNING}'",
        (cpu_percent, rss_mb, job.id, job.attempt),
    )


def report(db: sqlite3.Connection, job_id: int, attempt: int, stage: str, progress: float | None) -> None:
    """A child's sign of life. Raises Superseded."""
    _fenced(
        db, job_id, attempt, "stage = :stage, progress = :progress, heartbeat_at = :now", stage=stage, progress=progress
    )


def commit_result(db: sqlite3.Connection, job_id: int, attempt: int, result: dict[str, Any]) -> None:
    """Lay a child's result into its row; call it in the transaction that stores what the job made. Raises Superseded."""
    _fenced(db, job_id, attempt, "result = :result, progress = 1.0", result=json.dumps(result))


def commit_error(db: sqlite3.Connection, job_id: int, attempt: int, error: str) -> None:
    """Lay a child's one-line error into its row. Raises Superseded."""
    _fenced(db, job_id, attempt, "error = :error", error=error)


def finish(
    db: sqlite3.Connection,
    job_id: int,
    attempt: int,
    state: JobState,
    error: str | None = None,
    bill: ResourceUsage | None = None,
) -> bool:
    """End a running job; what waits for it in vain is cancelled. False when this attempt does not run any more."""
    with transaction(db):
        return _end(db, job_id, attempt, state, error, bill)


def requeue(
    db: sqlite3.Connection,
    job_id: int,
    attempt: int,
    reason: str,
    counts: bool = True,
    bill: ResourceUsage | None = None,
    not_before: str | None = None,
) -> JobState:
    """Queue an interrupted job again; cancel it if that was asked; fail it when its attempts are spent.

    One that has handed in its result has succeeded.

    `counts` is False for an interruption that was asked for: it costs the job none of its attempts. Returns the state
    that the job has then. When this attempt does not run any more nothing changes.
    """
    with transaction(db):
        job = get_job(db, job_id)
        if job.state != JobState.RUNNING or job.attempt != attempt:
            return job.state
        if job.result is not None:
            _end(db, job_id, attempt, JobState.SUCCEEDED, None, bill)
            return JobState.SUCCEEDED
        if job.cancel_asked:
            _end(db, job_id, attempt, JobState.CANCELLED, None, bill)
            return JobState.CANCELLED
        if counts and attempt >= job.last_attempt:
            error = f"given up after {ATTEMPTS} attempts: {reason}; see its log"
            _end(db, job_id, attempt, JobState.FAILED, error, bill)
            return JobState.FAILED
        db.execute(
            f"""UPDATE jobs SET state = '{JobState.QUEUED}', {_NO_LONGER_LIVE}, progress = NULL, error = NULL,
                   last_attempt = last_attempt + ?, not_before = coalesce(?, not_before) WHERE id = ?""",
            (0 if counts else 1, not_before, job_id),
        )
        add_event(db, job_id, JobEventKind.REQUEUED, reason)
        return JobState.QUEUED


def is_cancel_asked(db: sqlite3.Connection, job_id: int) -> bool:
    row = db.execute("SELECT cancel_asked FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return bool(row and row[0])


def dependents(db: sqlite3.Connection, job_id: int, state: JobState) -> list[int]:
    """The jobs of that state which wait for this one, directly or through others."""
    rows = db.execute(
        """WITH RECURSIVE waiting (id) AS (
               SELECT job_id FROM job_after WHERE after_id = ?
               UNION SELECT job_id FROM job_after JOIN waiting ON after_id = waiting.id)
           SELECT jobs.id FROM jobs JOIN waiting USING (id) WHERE jobs.state = ? ORDER BY jobs.id""",
        (job_id, state),
    )
    return [row[0] for row in rows]


def cancel_dependents(db: sqlite3.Connection, job_id: int, state: JobState) -> None:
    """Cancel what waits for a job that ended like this; call it in the transaction of its end."""
    reason = f"job {job_id}, which it waits for, {ENDED_WORDS[state]}"
    for dependent in dependents(db, job_id, JobState.QUEUED):
        db.execute(
            "UPDATE jobs SET state = ?, error = ?, finished_at = ? WHERE id = ?",
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
        raise StaleAttempt(f"job {job_id} is not attempt {attempt}'s any more")


def _end(
    db: sqlite3.Connection,
    job_id: int,
    attempt: int,
    state: JobState,
    error: str | None,
    bill: ResourceUsage | None = None,
) -> bool:
    bill = bill or ResourceUsage()
    changed = db.execute(
        f"""UPDATE jobs SET state = :state, error = :error, finished_at = :now, {_NO_LONGER_LIVE}, seconds = :seconds,
               cpu_seconds = :cpu, peak_mb = :peak, result = CASE WHEN :state = '{JobState.SUCCEEDED}' THEN result END
           WHERE id = :id AND attempt = :attempt AND state = '{JobState.RUNNING}'""",
        {
            "state": state,
            "error": error,
            "now": now(),
            "seconds": bill.seconds,
            "cpu": bill.cpu_seconds,
            "peak": bill.peak_mb,
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
