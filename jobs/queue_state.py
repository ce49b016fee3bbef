"""The state of the queue, and why a queued job does not run yet."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from core.clock import now, parse_timestamp
from core.records.job_states import JobState
from core.records.jobs import Job
from core.records.resources import Capacity, blocked_reason
from core.store.jobs import count_jobs, get_job, list_jobs, paused_ids
from core.store.lifecycle import is_paused, next_runnable
from core.store.pausing import only_paused_jobs_wait
from core.store.voices import voice_of_id
from core.workspace import Workspace
from jobs.lock import running_worker
from jobs.scheduling import disk_shortage


@dataclass(frozen=True)
class QueueState:
    """What currently keeps jobs waiting."""

    paused: bool
    capacity: Capacity | None
    """The resources of the worker; None if no worker accepts jobs."""
    running: tuple[Job, ...]
    next: Job | None
    """The next runnable job."""
    disk_shortage: str | None
    """Why the disk is too full for the next job, if so."""
    stopping: bool = False
    """Whether the worker is draining and accepts no further job."""
    paused_jobs: tuple[int, ...] = ()
    """The jobs that are paused one by one."""
    held: bool = False
    """Whether nothing runs, and every queued job is paused or waits for one that is."""


PAUSED_REASON = "the queue is paused: resume it with `ttsdash jobs resume`"
EMPTY_QUEUE = QueueState(paused=False, capacity=None, running=(), next=None, disk_shortage=None)


def read_queue_state(workspace: Workspace, db: sqlite3.Connection) -> QueueState:
    """Read the state of the queue from the store and the worker's lock."""
    worker, next_id = running_worker(workspace), next_runnable(db)
    job = get_job(db, next_id) if next_id else None
    running, paused_jobs = tuple(list_jobs(db, states=(JobState.RUNNING,))), tuple(paused_ids(db))
    return QueueState(
        paused=is_paused(db),
        capacity=Capacity(worker.slots, worker.cores, worker.memory_mb) if worker and not worker.stopping else None,
        running=running,
        next=job,
        disk_shortage=disk_shortage(workspace, voice_of_id(db, job.voice_id).size_bytes) if job else None,
        stopping=worker is not None and worker.stopping,
        paused_jobs=paused_jobs,
        held=bool(paused_jobs) and not running and only_paused_jobs_wait(db),
    )


def stalled_reason(state: QueueState) -> str | None:
    """Return why no job at all is started and what to do, or None if jobs are started."""
    if state.paused:
        return PAUSED_REASON
    if state.held:
        return _held_reason(state.paused_jobs)
    if state.stopping:
        return "the worker is stopping and starts no further job: run `ttsdash worker start` once it has stopped"
    if state.capacity is None:
        return "no worker is running, so no job starts: run `ttsdash worker start`"
    return state.disk_shortage


def _held_reason(paused: tuple[int, ...]) -> str:
    job_id = paused[0]
    command = f"`ttsdash jobs resume {job_id}`"
    if len(paused) == 1:
        return f"nothing can start while job {job_id} is paused: resume it with {command}"
    return f"nothing can start while {len(paused)} jobs are paused: resume one with {command}"


def queue_position(db: sqlite3.Connection, job: Job) -> tuple[int, int]:
    """Return the position of a queued job, counted from 1, and the number of queued jobs."""
    ahead = db.execute(
        f"SELECT count(*) FROM jobs WHERE state = '{JobState.QUEUED}' AND (-priority, turn, id) < (?, ?, ?)",
        (-job.priority, job.position, job.id),
    ).fetchone()
    return ahead[0] + 1, count_jobs(db)[JobState.QUEUED]


def waiting_reason(job: Job, state: QueueState) -> str | None:
    """Return why a queued job waits, as one short line; None for other jobs or if it is about to start."""
    return next(filter(None, _reasons(job, state)), None) if job.state == JobState.QUEUED else None


def _reasons(job: Job, state: QueueState) -> Iterator[str | None]:
    if job.paused:
        yield f"until it is resumed (ttsdash jobs resume {job.id})"
    if job.waits_for:
        names = (f"{entry} (paused)" if entry in state.paused_jobs else str(entry) for entry in job.waits_for)
        yield f"after {', '.join(names)}"
    if job.not_before and job.not_before > now():
        yield f"not before {parse_timestamp(job.not_before).astimezone():%Y-%m-%d %H:%M}"
    if state.paused:
        yield "the queue is paused"
    if state.capacity is None:
        yield "the worker is stopping" if state.stopping else "no worker is running"
    elif same := [other.id for other in state.running if _make_same_variant(job, other)]:
        yield f"job {same[0]} makes the same variant"
    elif state.next and job.id != state.next.id:
        yield f"behind job {state.next.id}"
    else:
        yield state.disk_shortage
        yield blocked_reason(job.resources, [other.resources for other in state.running], state.capacity)


def _make_same_variant(job: Job, other: Job) -> bool:
    return job.variant is not None and (job.voice_id, job.variant) == (other.voice_id, other.variant)
