"""The job table, the single source of truth about the queue: adding and reading jobs.

`core.store.lifecycle` changes the state of running jobs, `core.store.queue_control` carries out what users ask for.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence

from core.clock import now
from core.errors import InvalidInput, NotFound
from core.records.job_states import OPEN, UNSUCCESSFUL, JobEventKind, JobState, sql_list
from core.records.jobs import ATTEMPTS, ENDED_PHRASES, Job, JobEvent, Limits, NewJob
from core.records.resources import Resources

_LARGEST_ID = 2**63 - 1


class StaleAttempt(Exception):
    """Raised when the job was cancelled or another attempt runs it: the caller must stop working on it."""


def add_job(db: sqlite3.Connection, job: NewJob) -> int:
    """Queue a job and return its id; call it in a transaction.

    Raises NotFound for an unknown prerequisite, InvalidInput for one that failed or was cancelled.
    """
    check_prerequisites(db, job.after)
    cursor = db.execute(
        f"""INSERT INTO jobs (kind, voice_id, variant, params, state, alone, cores, memory_mb, time_limit_s,
               memory_limit_mb, priority, not_before, last_attempt, created_at, turn)
           VALUES (:kind, :voice, :variant, :params, '{JobState.QUEUED}', :alone, :cores, :memory, :seconds, :most_memory,
               :priority, :not_before, :attempts, :now,
               -- Behind all queued jobs. Positions rise with the ids, except those of jobs that were moved.
               1 + max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'jobs'), 0),
                       coalesce((SELECT max(turn) FROM jobs WHERE state = '{JobState.QUEUED}' AND priority = :priority), 0)))""",
        {
            "kind": job.kind,
            "voice": job.voice_id,
            "variant": job.variant,
            "params": json.dumps(job.params),
            "alone": job.resources.exclusive,
            "cores": job.resources.cores,
            "memory": job.resources.memory_mb,
            "seconds": job.limits.seconds,
            "most_memory": job.limits.memory_mb,
            "priority": job.priority,
            "not_before": job.not_before,
            "attempts": ATTEMPTS,
            "now": now(),
        },
    )
    job_id = int(cursor.lastrowid or 0)
    put_prerequisites(db, job_id, job.after)
    add_event(db, job_id, JobState.QUEUED)
    return job_id


def check_prerequisites(db: sqlite3.Connection, after: Iterable[int]) -> None:
    """Raise NotFound for an unknown job, InvalidInput for one that failed or was cancelled."""
    for job_id in after:
        state = get_job(db, job_id).state
        if state in UNSUCCESSFUL:
            raise InvalidInput(f"job {job_id} {ENDED_PHRASES[state]}: no job can wait for it (retry it first)")


def put_prerequisites(db: sqlite3.Connection, job_id: int, after: Iterable[int]) -> None:
    """Replace the prerequisites of a job; call it in a transaction."""
    db.execute("DELETE FROM job_after WHERE job_id = ?", (job_id,))
    db.executemany("INSERT INTO job_after VALUES (?, ?)", [(job_id, entry) for entry in dict.fromkeys(after)])


def get_job(db: sqlite3.Connection, job_id: int) -> Job:
    """Return the job. Raises NotFound."""
    row = db.execute(_JOBS + " WHERE jobs.id = ?", (job_id,)).fetchone() if 0 < job_id <= _LARGEST_ID else None
    if row is None:
        raise NotFound(f"no job {job_id}: list them with `ttsdash jobs list`")
    return _job(row)


def list_jobs(
    db: sqlite3.Connection, states: Sequence[JobState] = (), limit: int = 500, paused: bool | None = None
) -> list[Job]:
    """Return the newest `limit` jobs, newest first, of the given states or of all.

    `paused` leaves of the queued jobs those that are paused, or those that are not.
    """
    where = f"WHERE state IN ({', '.join('?' * len(states))})" if states else "WHERE true"
    if paused is not None:
        where += f" AND (state <> '{JobState.QUEUED}' OR paused_at IS {'NOT' if paused else ''} NULL)"
    # The ids first, so that the joined columns are computed only for jobs within the limit.
    rows = db.execute(
        f"{_JOBS} WHERE jobs.id IN (SELECT id FROM jobs {where} ORDER BY id DESC LIMIT ?) ORDER BY jobs.id DESC",
        (*states, limit),
    )
    return [_job(row) for row in rows]


def list_queued(db: sqlite3.Connection, limit: int = 500) -> list[Job]:
    """Return the first `limit` queued jobs in queue order."""
    rows = db.execute(
        f"{_JOBS} WHERE jobs.state = '{JobState.QUEUED}' ORDER BY jobs.priority DESC, jobs.turn, jobs.id LIMIT ?",
        (limit,),
    )
    return [_job(row) for row in rows]


def list_open(db: sqlite3.Connection, voice_id: str) -> list[Job]:
    """Return the jobs of a voice that have not ended, oldest first."""
    rows = db.execute(
        f"{_JOBS} WHERE jobs.state IN {sql_list(OPEN)} AND jobs.voice_id = ? ORDER BY jobs.id", (voice_id,)
    )
    return [_job(row) for row in rows]


def open_ids(db: sqlite3.Connection) -> list[int]:
    """Return the ids of all jobs that have not ended, oldest first."""
    return [row[0] for row in db.execute(f"SELECT id FROM jobs WHERE state IN {sql_list(OPEN)} ORDER BY id")]


def failures_not_retried(db: sqlite3.Connection) -> list[int]:
    """Return the failed jobs, oldest first, without those whose work a later job has done."""
    rows = db.execute(
        f"""SELECT id FROM jobs AS failed WHERE state = '{JobState.FAILED}'
             AND NOT EXISTS (SELECT 1 FROM jobs AS later WHERE later.id > failed.id
                             AND later.state = '{JobState.SUCCEEDED}' AND later.kind = failed.kind
                             AND later.voice_id = failed.voice_id AND later.variant IS failed.variant
                             AND later.params = failed.params)
           ORDER BY id"""
    )
    return [row[0] for row in rows]


def count_jobs(db: sqlite3.Connection) -> dict[JobState, int]:
    """Return the number of jobs by state; states without jobs are absent."""
    return {JobState(row[0]): row[1] for row in db.execute("SELECT state, count(*) FROM jobs GROUP BY state")}


def paused_ids(db: sqlite3.Connection) -> list[int]:
    """Return the ids of the queued jobs that are paused, oldest first."""
    rows = db.execute(f"SELECT id FROM jobs WHERE paused_at IS NOT NULL AND state = '{JobState.QUEUED}' ORDER BY id")
    return [row[0] for row in rows]


def list_events(db: sqlite3.Connection, job_id: int) -> list[JobEvent]:
    """Return the history of a job, oldest first."""
    rows = db.execute("SELECT at, attempt, event, detail FROM job_events WHERE job_id = ? ORDER BY id", (job_id,))
    return [JobEvent(**dict(row)) for row in rows]


def add_event(db: sqlite3.Connection, job_id: int, event: JobState | JobEventKind, detail: str | None = None) -> None:
    """Add an event to a job's history; call it in the transaction of the change."""
    db.execute(
        """INSERT INTO job_events (job_id, attempt, at, event, detail)
           SELECT id, attempt, ?, ?, ? FROM jobs WHERE id = ?""",
        (now(), event, detail, job_id),
    )


_JOBS = f"""SELECT jobs.*, voices.key AS voice,
               (SELECT group_concat(after_id) FROM job_after WHERE job_id = jobs.id) AS after,
               (SELECT group_concat(after_id) FROM job_after JOIN jobs AS other ON other.id = after_id
                WHERE job_id = jobs.id AND other.state IN {sql_list(OPEN)}) AS waits_for
           FROM jobs JOIN voices ON voices.id = jobs.voice_id"""


def _job(row: sqlite3.Row) -> Job:
    values = dict(row)
    resources = Resources(values.pop("cores"), values.pop("memory_mb"), exclusive=bool(values.pop("alone")))
    limits = Limits(values.pop("time_limit_s"), values.pop("memory_limit_mb"))
    return Job(
        **values
        | {
            "state": JobState(row["state"]),
            "params": json.loads(row["params"]),
            "after": _ids(row["after"]),
            "waits_for": _ids(row["waits_for"]),
            "position": values.pop("turn"),
            "resources": resources,
            "limits": limits,
            "cancel_asked": bool(row["cancel_asked"]),
            "result": json.loads(row["result"]) if row["result"] else None,
        }
    )


def _ids(joined: str | None) -> tuple[int, ...]:
    return tuple(int(entry) for entry in joined.split(",")) if joined else ()
