"""Why a queued job does not run yet."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from core.clock import now, parse
from core.records.job_states import JobState
from core.records.jobs import Job
from core.records.resources import Capacity, hindrance
from core.store.jobs import count_jobs, get_job, list_jobs
from core.store.lifecycle import is_paused, next_in_turn
from core.store.voices import get_voice
from core.workspace import Workspace
from jobs.lock import running_worker
from jobs.space import lacking_space


@dataclass(frozen=True)
class QueueState:
    """What keeps jobs waiting, as it is now."""

    paused: bool
    capacity: Capacity | None
    """What the worker has to give; None when none runs that takes further jobs."""
    running: tuple[Job, ...]
    next: Job | None
    """The job that is to start next."""
    lacking_space: str | None
    """Why it cannot, if the disk is too full."""
    ending: bool = False
    """A worker runs, but takes no further job."""


PAUSED = "the queue is paused: `ttsdash jobs resume` starts jobs again"
NOTHING_WAITS = QueueState(paused=False, capacity=None, running=(), next=None, lacking_space=None)


def read_queue_state(workspace: Workspace, db: sqlite3.Connection) -> QueueState:
    worker, best = running_worker(workspace), next_in_turn(db)
    job = get_job(db, best) if best else None
    return QueueState(
        paused=is_paused(db),
        capacity=Capacity(worker.slots, worker.cores, worker.memory_mb) if worker and not worker.ending else None,
        running=tuple(list_jobs(db, states=(JobState.RUNNING,))),
        next=job,
        lacking_space=lacking_space(workspace, get_voice(db, job.voice).size_bytes) if job else None,
        ending=worker is not None and worker.ending,
    )


def standstill(state: QueueState) -> str | None:
    """Why no job at all is started, and what to do; None while the queue gets on."""
    if state.paused:
        return PAUSED
    if state.ending:
        return "the worker ends and takes no further job: `ttsdash worker start` once it has ended"
    if state.capacity is None:
        return "no worker runs, so nothing gets on: `ttsdash worker start`"
    return state.lacking_space


def place_in_queue(db: sqlite3.Connection, job: Job) -> tuple[int, int]:
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
        yield f"not before {parse(job.not_before).astimezone():%Y-%m-%d %H:%M}"
    if state.paused:
        yield "the queue is paused"
    if state.capacity is None:
        yield "the worker ends" if state.ending else "no worker runs"
    elif twins := [other.id for other in state.running if _make_the_same(job, other)]:
        yield f"job {twins[0]} makes the same"
    elif state.next and job.id != state.next.id:
        yield f"behind job {state.next.id}"
    else:
        yield state.lacking_space
        yield hindrance(job.need, [other.need for other in state.running], state.capacity)


def _make_the_same(job: Job, other: Job) -> bool:
    return job.variant is not None and (job.voice_id, job.variant) == (other.voice_id, other.variant)
