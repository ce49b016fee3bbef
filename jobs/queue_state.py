"""Why a queued job does not run yet."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from core.clock import now, parse_timestamp
from core.records.job_states import JobState
from core.records.jobs import Job
from core.records.resources import Capacity, blocked_reason
from core.store.jobs import count_jobs, get_job, list_jobs
from core.store.lifecycle import is_paused, next_runnable
from core.store.voices import get_voice
from core.workspace import Workspace
from jobs.lock import running_worker
from jobs.space import disk_shortage


@dataclass(frozen=True)
class QueueState:
    """What keeps jobs waiting, as it is now."""

    paused: bool
    capacity: Capacity | None
    """What the worker has to give; None when none runs that takes further jobs."""
    running: tuple[Job, ...]
    next: Job | None
    """The job that is to start next."""
    disk_shortage: str | None
    """Why it cannot, if the disk is too full."""
    ending: bool = False
    """A worker runs, but takes no further job."""


PAUSED = "the queue is paused: `ttsdash jobs resume` starts jobs again"
EMPTY_QUEUE = QueueState(paused=False, capacity=None, running=(), next=None, disk_shortage=None)


def read_queue_state(workspace: Workspace, db: sqlite3.Connection) -> QueueState:
    worker, best = running_worker(workspace), next_runnable(db)
    job = get_job(db, best) if best else None
    return QueueState(
        paused=is_paused(db),
        capacity=Capacity(worker.slots, worker.cores, worker.memory_mb) if worker and not worker.ending else None,
        running=tuple(list_jobs(db, states=(JobState.RUNNING,))),
        next=job,
        disk_shortage=disk_shortage(workspace, get_voice(db, job.voice).size_bytes) if job else None,
        ending=worker is not None and worker.ending,
    )


def stalled_reason(state: QueueState) -> str | None:
    """Why no job at all is started, and what to do; None while the queue gets on."""
    if state.paused:
        return PAUSED
    if state.ending:
        return "the worker ends and takes no further job: `ttsdash worker start` once it has ended"
    if state.capacity is None:
        return "no worker runs, so nothing gets on: `ttsdash worker start`"
    return state.disk_shortage


def queue_position(db: sqlite3.Connection, job: Job) -> tuple[int, int]:
    """The place of a queued job, counted from 1, and how many are queued."""
    ahead = db.execute(
        f"SELECT count(*) FROM jobs WHERE state = '{JobState.QUEUED}' AND (-priority, turn, id) < (?, ?, ?)",
        (-job.priority, job.turn, job.id),
    ).fetchone()
    return ahead[0] + 1, count_jobs(db)[JobState.QUEUED]


def waiting_reason(job: Job, state: QueueState) -> str | None:
    """One short line for a queued job; None for one that does not wait, or is about to start."""
    return next(filter(None, _reasons(job, state)), None) if job.state == JobState.QUEUED else None


def _reasons(job: Job, state: QueueState) -> Iterator[str | None]:
    if job.waits_for:
        yield "after " + ", ".join(map(str, job.waits_for))
    if job.not_before and job.not_before > now():
        yield f"not before {parse_timestamp(job.not_before).astimezone():%Y-%m-%d %H:%M}"
    if state.paused:
        yield "the queue is paused"
    if state.capacity is None:
        yield "the worker ends" if state.ending else "no worker runs"
    elif twins := [other.id for other in state.running if _make_the_same(job, other)]:
        yield f"job {twins[0]} makes the same"
    elif state.next and job.id != state.next.id:
        yield f"behind job {state.next.id}"
    else:
        yield state.disk_shortage
        yield blocked_reason(job.need, [other.need for other in state.running], state.capacity)


def _make_the_same(job: Job, other: Job) -> bool:
    return job.variant is not None and (job.voice_id, job.variant) == (other.voice_id, other.variant)
