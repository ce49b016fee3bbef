"""The job table, which is the truth about the queue: every change of a job's state is one transaction here.

A job is `queued`, `running`, `succeeded`, `failed` or `cancelled`. Claiming it raises `attempt`; whatever a child writes
carries the attempt that it was started for, so that one that outlived its worker writes nothing beside its successor.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.clock import now
from core.errors import BadInput, NotFound
from core.store.database import transaction

ATTEMPTS = 3
_LARGEST_ID = 2**63 - 1
ENDED = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class NewJob:
    """What a caller says of a job to be queued."""

    kind: str
    voice_id: str
    variant: str | None
    params: dict[str, Any]
    alone: bool = False
    priority: int = 0
    after: tuple[int, ...] = ()
    not_before: str | None = None


@dataclass(frozen=True)
class Job:
    """A row of the job table. Times are ISO 8601 in UTC; `progress` is 0..1 within the whole job, or None."""

    id: int
    kind: str
    voice_id: str
    voice: str
    variant: str | None
    params: dict[str, Any]
    state: str
    stage: str | None
    progress: float | None
    attempt: int
    last_attempt: int
    priority: int
    after: tuple[int, ...]
    not_before: str | None
    cancel_asked: bool
    process_group: int | None
    group_started: float | None
    heartbeat_at: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    error: str | None
    result: dict[str, Any] | None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True)
class JobEvent:
    """One change in a job's life."""

    at: str
    attempt: int
    event: str
    detail: str | None


class Superseded(Exception):
    """The job was cancelled, or is another attempt's by now: whoever still works on it must stop."""


def add_job(db: sqlite3.Connection, job: NewJob) -> int:
    """Queue a job; call it in a transaction. Returns its id.

    Raises NotFound for a prerequisite that is not there, BadInput for one that will not succeed any more.
    """
    for after in job.after:
        state = get_job(db, after).state
        if state in ("failed", "cancelled"):
            raise BadInput(f"job {after} {_ENDED_WORDS[state]}: nothing can wait for it; retry it first")
    cursor = db.execute(
        """INSERT INTO jobs (kind, voice_id, variant, params, state, alone, priority, not_before, last_attempt, created_at)
           VALUES (?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?)""",
        (
            job.kind,
            job.voice_id,
            job.variant,
            json.dumps(job.params),
            job.alone,
            job.priority,
            job.not_before,
            ATTEMPTS,
            now(),
        ),
    )
    job_id = int(cursor.lastrowid or 0)
    db.executemany("INSERT INTO job_after VALUES (?, ?)", [(job_id, after) for after in job.after])
    _tell(db, job_id, "queued")
    return job_id


def get_job(db: sqlite3.Connection, job_id: int) -> Job:
    """Raises NotFound."""
    row = db.execute(_JOBS + " WHERE jobs.id = ?", (job_id,)).fetchone() if 0 < job_id <= _LARGEST_ID else None
    if row is None:
        raise NotFound(f"no job {job_id} here: see `ttsdash jobs list`")
    return _job(row)


def list_jobs(db: sqlite3.Connection, states: Sequence[str] = (), limit: int = 500) -> list[Job]:
    """The newest `limit` jobs, newest first; of the given states, if any are given."""
    where = f" WHERE jobs.state IN ({', '.join('?' * len(states))})" if states else ""
    rows = db.execute(f"{_JOBS}{where} ORDER BY jobs.id DESC LIMIT ?", (*states, limit)).fetchall()
    return [_job(row) for row in rows]


def list_events(db: sqlite3.Connection, job_id: int) -> list[JobEvent]:
    rows = db.execute("SELECT at, attempt, event, detail FROM job_events WHERE job_id = ? ORDER BY id", (job_id,))
    return [JobEvent(**dict(row)) for row in rows]


def claim(db: sqlite3.Connection) -> Job | None:
    """Take the best job that may run now, or None.

    The best is the one of highest priority, then the oldest, whose prerequisites have succeeded and whose time has come.
    When it must run alone and others still run, nothing is taken, so that those behind it do not keep it waiting.
    """
    with transaction(db):
        row = db.execute(
            """UPDATE jobs SET state = 'running', attempt = attempt + 1, started_at = :now, heartbeat_at = :now,
                   stage = 'starting', progress = NULL, error = NULL, result = NULL, finished_at = NULL,
                   process_group = NULL, group_started = NULL
               WHERE id = (
                   SELECT id FROM jobs AS candidate
                   WHERE state = 'queued' AND (not_before IS NULL OR not_before <= :now)
                     AND NOT EXISTS (SELECT 1 FROM job_after JOIN jobs AS prerequisite ON prerequisite.id = after_id
                                     WHERE job_id = candidate.id AND prerequisite.state <> 'succeeded')
                   ORDER BY priority DESC, id LIMIT 1)
                 AND NOT EXISTS (SELECT 1 FROM jobs AS other
                                 WHERE other.state = 'running' AND (other.alone OR jobs.alone))
               RETURNING id, attempt""",
            {"now": now()},
        ).fetchone()
        if row is None:
            return None
        _tell(db, row["id"], "started")
    return get_job(db, row["id"])


def note_process(db: sqlite3.Connection, job: Job, process_group: int, started: float) -> None:
    """Keep where the job's processes can be found, should its worker die; also when a cancel was asked meanwhile.

    This is the worker's write, not the child's: it is the worker that will end the process. Raises Superseded.
    """
    changed = db.execute(
        """UPDATE jobs SET process_group = ?, group_started = ?
           WHERE id = ? AND attempt = ? AND state = 'running'""",
        (process_group, started, job.id, job.attempt),
    ).rowcount
    if not changed:
        raise Superseded(f"job {job.id} is not attempt {job.attempt}'s any more")


def report(db: sqlite3.Connection, job_id: int, attempt: int, stage: str, progress: float | None) -> None:
    """A child's sign of life. Raises Superseded."""
    _fenced(
        db, job_id, attempt, "stage = :stage, progress = :progress, heartbeat_at = :now", stage=stage, progress=progress
    )


def hand_in(db: sqlite3.Connection, job_id: int, attempt: int, result: dict[str, Any]) -> None:
    """Lay a child's result into its row; call it in the transaction that stores what the job made. Raises Superseded."""
    _fenced(db, job_id, attempt, "result = :result, progress = 1.0", result=json.dumps(result))


def hand_in_error(db: sqlite3.Connection, job_id: int, attempt: int, error: str) -> None:
    """Lay a child's one-line error into its row. Raises Superseded."""
    _fenced(db, job_id, attempt, "error = :error", error=error)


def finish(db: sqlite3.Connection, job_id: int, attempt: int, state: str, error: str | None = None) -> bool:
    """End a running job; what waits for it in vain is cancelled. False when this attempt does not run any more."""
    with transaction(db):
        return _end(db, job_id, attempt, state, error)


def put_back(db: sqlite3.Connection, job_id: int, attempt: int, reason: str, counts: bool = True) -> str:
    """Queue an interrupted job again; cancel it if that was asked; fail it when its attempts are spent.

    One that has handed in its result has succeeded.

    `counts` is False for an interruption that was asked for: it costs the job none of its attempts. Returns the state
    that the job has then. When this attempt does not run any more nothing changes.
    """
    with transaction(db):
        job = get_job(db, job_id)
        if job.state != "running" or job.attempt != attempt:
            return job.state
        if job.result is not None:
            _end(db, job_id, attempt, "succeeded", None)
            return "succeeded"
        if job.cancel_asked:
            _end(db, job_id, attempt, "cancelled", None)
            return "cancelled"
        if counts and attempt >= job.last_attempt:
            _end(db, job_id, attempt, "failed", f"given up after {ATTEMPTS} attempts: {reason}; see its log")
            return "failed"
        db.execute(
            """UPDATE jobs SET state = 'queued', stage = NULL, progress = NULL, process_group = NULL,
                   last_attempt = last_attempt + ? WHERE id = ?""",
            (0 if counts else 1, job_id),
        )
        _tell(db, job_id, "requeued", reason)
        return "queued"


def cancel(db: sqlite3.Connection, job_id: int) -> str:
    """Cancel a queued job at once, ask for a running one to be ended. Returns "cancelled" or "asked".

    Raises NotFound, and BadInput for a job that has ended.
    """
    with transaction(db):
        job = get_job(db, job_id)
        if job.ended:
            raise BadInput(f"job {job_id} {_ENDED_WORDS[job.state]}: nothing to cancel")
        if job.state == "running":
            db.execute("UPDATE jobs SET cancel_asked = 1 WHERE id = ?", (job_id,))
            _tell(db, job_id, "cancel asked")
            return "asked"
        db.execute("UPDATE jobs SET state = 'cancelled', finished_at = ? WHERE id = ?", (now(), job_id))
        _tell(db, job_id, "cancelled")
        _cancel_dependents(db, job_id, "cancelled")
        return "cancelled"


def retry(db: sqlite3.Connection, job_id: int) -> list[int]:
    """Queue a failed or cancelled job again, and with it those that were cancelled because of it. Returns their ids."""
    with transaction(db):
        job = get_job(db, job_id)
        if job.state not in ("failed", "cancelled"):
            raise BadInput(f"job {job_id} is {job.state}: only a failed or cancelled job can be tried again")
        waiting = [after for after in job.after if get_job(db, after).state in ("failed", "cancelled")]
        if waiting:
            raise BadInput(f"job {job_id} waits for job {waiting[0]}, which did not succeed: retry that one")
        revived = [job_id]
        for entry in _dependents(db, job_id, "cancelled"):
            other = get_job(db, entry)
            # One that was cancelled by hand carries no error, and stays cancelled, as does what waits for it.
            if other.error and all(after in revived or _may_succeed(db, after) for after in other.after):
                revived.append(entry)
        for entry in revived:
            db.execute(
                """UPDATE jobs SET state = 'queued', last_attempt = attempt + ?, error = NULL, result = NULL,
                       cancel_asked = 0, stage = NULL, progress = NULL, started_at = NULL, finished_at = NULL
                   WHERE id = ?""",
                (ATTEMPTS, entry),
            )
            _tell(db, entry, "queued", "tried again")
    return revived


def is_cancel_asked(db: sqlite3.Connection, job_id: int) -> bool:
    row = db.execute("SELECT cancel_asked FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return bool(row and row[0])


def waiting_reason(job: Job, jobs: Iterable[Job]) -> str | None:
    """Why a queued job does not run yet, as far as the other jobs tell; None when it is simply its turn."""
    states = {other.id: other.state for other in jobs}
    open_ids = [after for after in job.after if states.get(after) in ("queued", "running")]
    if open_ids:
        return "after " + ", ".join(str(after) for after in open_ids)
    if job.not_before and job.not_before > now():
        return f"not before {job.not_before}"
    return None


def _fenced(db: sqlite3.Connection, job_id: int, attempt: int, changes: str, **values: Any) -> None:
    changed = db.execute(
        f"UPDATE jobs SET {changes} WHERE id = :id AND attempt = :attempt AND state = 'running' AND NOT cancel_asked",
        {"id": job_id, "attempt": attempt, "now": now(), **values},
    ).rowcount
    if not changed:
        raise Superseded(f"job {job_id} is not attempt {attempt}'s any more")


def _may_succeed(db: sqlite3.Connection, job_id: int) -> bool:
    return get_job(db, job_id).state not in ("failed", "cancelled")


def _end(db: sqlite3.Connection, job_id: int, attempt: int, state: str, error: str | None) -> bool:
    changed = db.execute(
        """UPDATE jobs SET state = ?, error = ?, finished_at = ?, stage = NULL, process_group = NULL,
               result = CASE WHEN ? = 'succeeded' THEN result END
           WHERE id = ? AND attempt = ? AND state = 'running'""",
        (state, error, now(), state, job_id, attempt),
    ).rowcount
    if not changed:
        return False
    _tell(db, job_id, state, error)
    if state != "succeeded":
        _cancel_dependents(db, job_id, state)
    return True


def _dependents(db: sqlite3.Connection, job_id: int, state: str) -> list[int]:
    """The jobs of that state which wait for this one, directly or through others."""
    rows = db.execute(
        """WITH RECURSIVE waiting (id) AS (
               SELECT job_id FROM job_after WHERE after_id = ?
               UNION SELECT job_id FROM job_after JOIN waiting ON after_id = waiting.id)
           SELECT jobs.id FROM jobs JOIN waiting USING (id) WHERE jobs.state = ? ORDER BY jobs.id""",
        (job_id, state),
    )
    return [row[0] for row in rows]


def _cancel_dependents(db: sqlite3.Connection, job_id: int, state: str) -> None:
    reason = f"job {job_id}, which it waits for, {_ENDED_WORDS[state]}"
    for dependent in _dependents(db, job_id, "queued"):
        db.execute(
            "UPDATE jobs SET state = 'cancelled', error = ?, finished_at = ? WHERE id = ?", (reason, now(), dependent)
        )
        _tell(db, dependent, "cancelled", reason)


def _tell(db: sqlite3.Connection, job_id: int, event: str, detail: str | None = None) -> None:
    db.execute(
        """INSERT INTO job_events (job_id, attempt, at, event, detail)
           SELECT id, attempt, ?, ?, ? FROM jobs WHERE id = ?""",
        (now(), event, detail, job_id),
    )


_ENDED_WORDS = {"succeeded": "succeeded", "failed": "failed", "cancelled": "was cancelled"}

_JOBS = """SELECT jobs.*, voices.key AS voice,
               (SELECT group_concat(after_id) FROM job_after WHERE job_id = jobs.id) AS after
           FROM jobs JOIN voices ON voices.id = jobs.voice_id"""


def _job(row: sqlite3.Row) -> Job:
    values = dict(row)
    values.pop("alone")
    return Job(
        **values
        | {
            "params": json.loads(row["params"]),
            "after": tuple(int(after) for after in row["after"].split(",")) if row["after"] else (),
            "cancel_asked": bool(row["cancel_asked"]),
            "result": json.loads(row["result"]) if row["result"] else None,
        }
    )
