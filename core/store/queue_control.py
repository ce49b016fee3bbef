"""User actions on the queue: pause, cancel, retry, move, edit, clean. Each is one transaction."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.clock import now
from core.errors import InvalidInput
from core.records.job_states import ENDED, OPEN, RESUMABLE, UNSUCCESSFUL, JobEventKind, JobState, sql_list
from core.records.jobs import ATTEMPTS, ENDED_PHRASES, Job, Limits
from core.store.database import transaction
from core.store.jobs import add_event, check_prerequisites, get_job, put_prerequisites
from core.store.lifecycle import cancel_dependents, dependents, is_paused


def pause(db: sqlite3.Connection) -> bool:
    """Start no further job until `resume`; running jobs continue. Return False if the queue was already paused."""
    return _set_paused(db, now())


def resume(db: sqlite3.Connection) -> bool:
    """Start jobs again. Return False if the queue was not paused."""
    return _set_paused(db, None)


def _set_paused(db: sqlite3.Connection, at: str | None) -> bool:
    with transaction(db):
        changes = is_paused(db) != (at is not None)
        if changes:
            db.execute("UPDATE queue SET paused_at = ?", (at,))
    return changes


def cancel(db: sqlite3.Connection, job_id: int) -> str:
    """Cancel a queued job at once, ask a running one to end. Return "cancelled" or "asked".

    Raises NotFound, and InvalidInput for a job that has ended.
    """
    with transaction(db):
        return "asked" if _cancel(db, get_job(db, job_id)) else "cancelled"


def cancel_jobs(db: sqlite3.Connection, job_ids: Sequence[int]) -> list[int]:
    """Cancel all of these jobs or none. Return the running ones, which were asked to end. Raises as `cancel`."""
    with transaction(db):
        jobs = [get_job(db, job_id) for job_id in job_ids]
        for job in jobs:
            _refuse_ended(job)
        # A job may have been cancelled meanwhile as a dependent of an earlier one.
        return [job.id for job in jobs if not get_job(db, job.id).ended and _cancel(db, job)]


def _cancel(db: sqlite3.Connection, job: Job) -> bool:
    """Cancel a queued job, ask a running one to end. Return whether it was asked."""
    _refuse_ended(job)
    if job.state == JobState.RUNNING:
        _ask_to_end(db, job.id)
        return True
    db.execute(
        "UPDATE jobs SET state = ?, finished_at = ?, paused_at = NULL WHERE id = ?", (JobState.CANCELLED, now(), job.id)
    )
    add_event(db, job.id, JobState.CANCELLED)
    cancel_dependents(db, job.id, JobState.CANCELLED)
    return False


def _refuse_ended(job: Job) -> None:
    if job.ended:
        raise InvalidInput(f"job {job.id} {ENDED_PHRASES[job.state]}: nothing to cancel")


def cancel_all(db: sqlite3.Connection) -> tuple[int, list[int]]:
    """Cancel every queued job, ask the running ones to end. Return the number of the former, the ids of the latter."""
    with transaction(db):
        db.execute(
            """INSERT INTO job_events (job_id, attempt, at, event)
               SELECT id, attempt, ?, ? FROM jobs WHERE state = ? ORDER BY id""",
            (now(), JobState.CANCELLED, JobState.QUEUED),
        )
        cancelled = db.execute(
            "UPDATE jobs SET state = ?, finished_at = ?, paused_at = NULL WHERE state = ?",
            (JobState.CANCELLED, now(), JobState.QUEUED),
        ).rowcount
        running = _ids_in(db, JobState.RUNNING)
        for job_id in running:
            _ask_to_end(db, job_id)
    return cancelled, running


def _ids_in(db: sqlite3.Connection, state: JobState) -> list[int]:
    return [row[0] for row in db.execute("SELECT id FROM jobs WHERE state = ? ORDER BY id", (state,))]


def _ask_to_end(db: sqlite3.Connection, job_id: int) -> None:
    db.execute("UPDATE jobs SET cancel_asked = 1 WHERE id = ?", (job_id,))
    add_event(db, job_id, JobEventKind.CANCEL_ASKED)


def retry(db: sqlite3.Connection, *job_ids: int, limits: Limits | None = None) -> list[int]:
    """Requeue failed or cancelled jobs and the jobs that were cancelled because of them, all or none; return all ids.

    `limits` replace those that the jobs were queued with; a job with a budget has no time limit. Raises NotFound, and
    InvalidInput for a job that neither failed nor was cancelled, or whose prerequisite did not succeed.
    """
    with transaction(db):
        for job_id in job_ids:
            _refuse_to_retry(db, get_job(db, job_id), job_ids)
        return _requeue(db, list(job_ids), limits)


def _refuse_to_retry(db: sqlite3.Connection, job: Job, others: Sequence[int]) -> None:
    if job.state not in UNSUCCESSFUL:
        if job.paused:
            raise InvalidInput(f"job {job.id} is paused: resume it with `ttsdash jobs resume {job.id}`")
        raise InvalidInput(f"job {job.id} is {job.state}: only a failed or cancelled job can be retried")
    for entry in job.after:
        if entry not in others and get_job(db, entry).state in UNSUCCESSFUL:
            raise InvalidInput(f"job {job.id} waits for job {entry}, which did not succeed: retry that one")


def retry_failed(db: sqlite3.Connection, limits: Limits | None = None) -> list[int]:
    """Requeue all failed jobs and the jobs that were cancelled because of them; return their ids."""
    with transaction(db):
        return _requeue(db, _ids_in(db, JobState.FAILED), limits)


def _requeue(db: sqlite3.Connection, ids: list[int], limits: Limits | None) -> list[int]:
    """Requeue these jobs, then the jobs that were cancelled because of them, and so on."""
    requeued = []
    while ids:
        if limits:
            db.executemany(
                f"""UPDATE jobs SET time_limit_s = CASE WHEN kind IN {sql_list(RESUMABLE)} THEN NULL ELSE ? END,
                        memory_limit_mb = ?
                    WHERE id = ?""",
                [(limits.seconds, limits.memory_mb, job_id) for job_id in ids],
            )
        for job_id in ids:
            db.execute(
                """UPDATE jobs SET state = ?, last_attempt = attempt + ?, error = NULL, result = NULL,
                       cancel_asked = 0, stage = NULL, progress = NULL, started_at = NULL, finished_at = NULL,
                       seconds = NULL, cpu_seconds = NULL, peak_mb = NULL
                   WHERE id = ?""",
                (JobState.QUEUED, ATTEMPTS, job_id),
            )
            add_event(db, job_id, JobState.QUEUED, "retried")
        requeued += ids
        ids = sorted({row[0] for job_id in ids for row in db.execute(_CANCELLED_WITH, (job_id,))})
    return requeued


# A job that a user cancelled has no error; it stays cancelled, and so do its dependents.
_CANCELLED_WITH = f"""SELECT job_id FROM job_after JOIN jobs ON jobs.id = job_id
    WHERE after_id = ? AND state = '{JobState.CANCELLED}' AND error IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM job_after AS other JOIN jobs AS prerequisite ON prerequisite.id = other.after_id
                      WHERE other.job_id = jobs.id AND prerequisite.state IN {sql_list(UNSUCCESSFUL)})"""


def move_first(db: sqlite3.Connection, job_id: int) -> None:
    """Move a queued job to the front of the queue. Raises NotFound, and InvalidInput for a job that is not queued."""
    with transaction(db):
        require_queued(db, job_id)
        _move_to_end(db, job_id, "ORDER BY priority DESC, turn, id", -1)


def move_last(db: sqlite3.Connection, job_id: int) -> None:
    """Move a queued job to the end of the queue. Raises NotFound, and InvalidInput for a job that is not queued."""
    with transaction(db):
        require_queued(db, job_id)
        _move_to_end(db, job_id, "ORDER BY priority, turn DESC, id DESC", 1)


def _move_to_end(db: sqlite3.Connection, job_id: int, order: str, step: int) -> None:
    """Give the job the priority of the job at that end of the queue, and a position one step beyond it."""
    end = db.execute(f"SELECT priority, turn FROM jobs WHERE state = '{JobState.QUEUED}' {order} LIMIT 1").fetchone()
    _set_position(db, job_id, end["priority"], end["turn"] + step)


def move_before(db: sqlite3.Connection, job_id: int, other_id: int) -> None:
    """Move a queued job right before another one, whose priority it takes.

    Raises NotFound, and InvalidInput for a job that is not queued.
    """
    with transaction(db):
        require_queued(db, job_id)
        other = require_queued(db, other_id)
        if job_id == other_id:
            return
        # Make room in front, since new jobs are added behind: two positions, because jobs of equal position are ordered by
        # id. Running jobs shift along, since they may be requeued.
        db.execute(
            f"""UPDATE jobs SET turn = turn - 2 WHERE state IN {sql_list(OPEN)} AND priority = :priority
                   AND (turn < :position OR (turn = :position AND id < :other))""",
            {"priority": other.priority, "position": other.position, "other": other_id},
        )
        _set_position(db, job_id, other.priority, other.position - 1)


def _set_position(db: sqlite3.Connection, job_id: int, priority: int, position: int) -> None:
    job = get_job(db, job_id)
    db.execute("UPDATE jobs SET priority = ?, turn = ? WHERE id = ?", (priority, position, job_id))
    if job.priority != priority:
        add_event(db, job_id, JobEventKind.EDITED, f"priority {priority}")


@dataclass(frozen=True)
class JobUpdate:
    """Changes to a queued job; None: unchanged."""

    variant: str | None = None
    params: dict[str, Any] | None = None
    priority: int | None = None
    after: tuple[int, ...] | None = None
    not_before: str | None = None
    clear_not_before: bool = False
    """Whether the job no longer waits for a time."""


def update_job(db: sqlite3.Connection, job_id: int, changes: JobUpdate, detail: str) -> None:
    """Change a queued job, with `detail` for its history. Benchmarks that wait for it measure its new variant.

    Raises NotFound, and InvalidInput for a job that is not queued, or that would wait for itself.
    """
    with transaction(db):
        job = require_queued(db, job_id)
        if changes.after is not None:
            check_prerequisites(db, changes.after)
            _refuse_cycle(db, job_id, changes.after)
            put_prerequisites(db, job_id, changes.after)
        db.execute(
            """UPDATE jobs SET variant = :variant, params = :params, priority = :priority, not_before = :not_before,
                   progress = CASE WHEN params = :params THEN progress END
               WHERE id = :id""",
            {
                "variant": changes.variant or job.variant,
                "params": json.dumps(job.params if changes.params is None else changes.params),
                "priority": job.priority if changes.priority is None else changes.priority,
                "not_before": None if changes.clear_not_before else changes.not_before or job.not_before,
                "id": job_id,
            },
        )
        if changes.variant and changes.variant != job.variant:
            _rename_in_benchmarks(db, job, changes.variant)
        add_event(db, job_id, JobEventKind.EDITED, detail)


def _refuse_cycle(db: sqlite3.Connection, job_id: int, after: Sequence[int]) -> None:
    for entry in after:
        if entry == job_id or entry in dependents(db, job_id, JobState.QUEUED):
            raise InvalidInput(f"job {job_id} cannot wait for job {entry}, which waits for it")


def _rename_in_benchmarks(db: sqlite3.Connection, job: Job, variant: str) -> None:
    for entry in dependents(db, job.id, JobState.QUEUED):
        other = get_job(db, entry)
        if job.id in other.after and job.variant in other.params.get("variants", ()):
            names = [variant if name == job.variant else name for name in other.params["variants"]]
            params = other.params | {"variants": list(dict.fromkeys(names))}
            db.execute("UPDATE jobs SET params = ? WHERE id = ?", (json.dumps(params), entry))
            add_event(db, entry, JobEventKind.EDITED, f"measures {variant} instead of {job.variant}")


def require_queued(db: sqlite3.Connection, job_id: int) -> Job:
    """Return the job. Raises NotFound, and InvalidInput if it is not queued."""
    job = get_job(db, job_id)
    if job.state != JobState.QUEUED:
        raise InvalidInput(f"job {job_id} is {job.state}: only a queued job can be changed")
    return job


def forget_ended(db: sqlite3.Connection) -> list[int]:
    """Delete ended jobs and their histories, but not their variants and results; return their ids."""
    with transaction(db):
        return _forget(db, f"SELECT id FROM jobs WHERE state IN {sql_list(ENDED)}")


def forget_jobs_of(db: sqlite3.Connection, voice_id: str) -> list[int]:
    """Delete all jobs of a voice, which must have ended, and their histories; return their ids. Call it in a transaction."""
    return _forget(db, "SELECT id FROM jobs WHERE voice_id = :voice", voice_id)


def _forget(db: sqlite3.Connection, which: str, voice_id: str | None = None) -> list[int]:
    """Delete the jobs that a SELECT yields, and return their ids."""
    values = {"voice": voice_id}
    ids = [row[0] for row in db.execute(f"{which} ORDER BY id", values)]
    for table in ("variants", "benchmarks"):
        db.execute(f"UPDATE {table} SET job_id = NULL WHERE job_id IN ({which})", values)
    db.execute(f"DELETE FROM job_after WHERE job_id IN ({which}) OR after_id IN ({which})", values)
    db.execute(f"DELETE FROM job_events WHERE job_id IN ({which})", values)
    db.execute(f"DELETE FROM jobs WHERE id IN ({which})", values)
    return ids
