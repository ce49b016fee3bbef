"""Queue activity since the user last looked."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from core.clock import now
from core.records.job_states import ENDED, JobEventKind, JobState, sql_list
from core.records.jobs import Job
from core.store.database import transaction
from core.store.jobs import count_jobs, get_job, paused_ids

_MOST = 500


@dataclass(frozen=True)
class Activity:
    """What has happened since the last visit."""

    since: str | None
    """The time of the last visit; None: never."""
    ended: tuple[Job, ...]
    """The jobs that have ended, newest first; at most 500 of each state."""
    hook_failures: tuple[tuple[int, str], ...]
    """The ids of the jobs whose hook failed, with the reason."""
    running: int
    waiting: int
    counts: Mapping[JobState, int]
    """The number of ended jobs by state; states without jobs are absent."""
    up_to: int
    """The id of the last event included."""
    interrupted: int = 0
    """The number of jobs whose worker has died; they do not count as running."""
    paused: int = 0
    """The number of jobs that are paused one by one; they do not count as waiting."""

    def in_state(self, state: JobState) -> tuple[Job, ...]:
        """Return the ended jobs of that state."""
        return tuple(job for job in self.ended if job.state == state)


def read_activity(db: sqlite3.Connection) -> Activity:
    """Read what has happened since the last visit."""
    # One transaction, so that a change made meanwhile belongs to the next visit.
    with transaction(db):
        visited = db.execute("SELECT visited_event, visited_at FROM queue").fetchone()
        seen, states = visited["visited_event"], count_jobs(db)
        failures = db.execute(
            "SELECT job_id, detail FROM job_events WHERE id > ? AND event = ? ORDER BY id DESC LIMIT ?",
            (seen, JobEventKind.HOOK_FAILED, _MOST),
        ).fetchall()
        ends = sorted((end for state in ENDED for end in _ends(db, state, seen)), reverse=True)
        counts = db.execute(f"SELECT state, count(DISTINCT job_id) {_ENDS} GROUP BY state", (seen,)).fetchall()
        paused = len(paused_ids(db))
        return Activity(
            since=visited["visited_at"],
            ended=tuple(get_job(db, job_id) for _, job_id in ends),
            hook_failures=tuple((row["job_id"], row["detail"]) for row in failures),
            running=states.get(JobState.RUNNING, 0),
            waiting=states.get(JobState.QUEUED, 0) - paused,
            paused=paused,
            counts={JobState(row[0]): row[1] for row in counts},
            up_to=db.execute("SELECT coalesce(max(id), 0) FROM job_events").fetchone()[0],
        )


def _ends(db: sqlite3.Connection, state: JobState, seen: int) -> list[tuple[int, int]]:
    """Return the latest ends in that state, as pairs of event id and job id."""
    rows = db.execute(
        f"SELECT max(job_events.id), job_id {_ENDS} AND state = ? GROUP BY job_id ORDER BY 1 DESC LIMIT ?",
        (seen, state, _MOST),
    )
    return [(row[0], row[1]) for row in rows]


# A job that was requeued, or ended differently since, is reported in its current state (event = state).
# The join order and NOT INDEXED make SQLite scan the new events only, not all jobs or all events.
_ENDS = f"""FROM job_events NOT INDEXED CROSS JOIN jobs ON jobs.id = job_id
           WHERE job_events.id > ? AND event = state AND event IN {sql_list(ENDED)}"""


def record_visit(db: sqlite3.Connection, activity: Activity) -> None:
    """Record that the user has seen this activity."""
    with transaction(db):
        db.execute("UPDATE queue SET visited_event = ?, visited_at = ?", (activity.up_to, now()))
