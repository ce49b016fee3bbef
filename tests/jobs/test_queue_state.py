"""The reason why a job waits, short enough for a table."""

import sqlite3
from dataclasses import replace

import pytest

from core.records.jobs import NewJob
from core.records.resources import Capacity, Resources
from core.records.voices import Voice
from core.store.jobs import get_job
from core.store.lifecycle import claim
from core.store.pausing import pause_jobs
from core.store.queue_control import pause
from core.workspace import Workspace
from jobs import scheduling
from jobs.queue_state import read_queue_state, stalled_reason, waiting_reason
from jobs.scheduling import disk_shortage
from jobs.submit import Scheduling, submit

ROOMY = Capacity(slots=4, cores=8, memory_mb=8000)


def new_job(voice: Voice, resources: Resources | None = None) -> NewJob:
    return NewJob("teleport", voice.id, None, {}, resources=resources or Resources())


def reason(workspace: Workspace, db: sqlite3.Connection, job_id: int, capacity: Capacity | None = ROOMY) -> str | None:
    state = replace(read_queue_state(workspace, db), capacity=capacity)
    return waiting_reason(get_job(db, job_id), state)


def test_a_job_that_can_start_has_no_reason_to_wait(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    (job_id,) = submit(workspace, db, new_job(voice))
    assert reason(workspace, db, job_id) is None


def test_a_running_job_has_no_reason_to_wait(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    (job_id,) = submit(workspace, db, new_job(voice))
    claim(db)
    assert reason(workspace, db, job_id, capacity=None) is None


def test_the_reason_lists_the_jobs_that_must_end_first(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    first, second = submit(workspace, db, new_job(voice), new_job(voice))
    (third,) = submit(workspace, db, new_job(voice), scheduling=Scheduling(after=(first, second)))
    assert reason(workspace, db, third) == f"after {first}, {second}"


def test_the_reason_shows_the_start_time(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    (job_id,) = submit(workspace, db, new_job(voice), scheduling=Scheduling(not_before="2999-01-01T00:00:00.000Z"))
    assert str(reason(workspace, db, job_id)).startswith("not before 29")


def test_the_reason_mentions_a_paused_queue_or_a_missing_worker(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    (job_id,) = submit(workspace, db, new_job(voice))
    assert reason(workspace, db, job_id, capacity=None) == "no worker is running"
    pause(db)
    assert reason(workspace, db, job_id, capacity=None) == "the queue is paused"


def test_the_reason_mentions_a_job_that_is_paused_and_the_others_do_not_wait_for_it(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    first, second = submit(workspace, db, new_job(voice), new_job(voice))
    (third,) = submit(workspace, db, new_job(voice), scheduling=Scheduling(after=(first,)))
    pause_jobs(db, [first])
    assert reason(workspace, db, first) == f"until it is resumed (ttsdash jobs resume {first})"
    assert reason(workspace, db, second) is None
    assert reason(workspace, db, third) == f"after {first} (paused)"


@pytest.mark.parametrize(
    ("paused", "prerequisites", "held"),
    [
        ([], [], False),
        ([1, 2, 3], [], True),
        ([1, 2], [], False),
        ([1, 2], [1], True),
        ([1], [1, 2], False),
        ([1, 3], [1], False),
    ],
)
def test_the_queue_is_held_where_every_job_is_paused_or_waits_for_one_that_is(
    paused: list[int], prerequisites: list[int], held: bool, workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    submit(workspace, db, new_job(voice), new_job(voice))
    submit(workspace, db, new_job(voice), scheduling=Scheduling(after=tuple(prerequisites)))
    pause_jobs(db, paused)
    state = read_queue_state(workspace, db)
    assert (state.paused_jobs, state.held) == (tuple(paused), held)
    why = stalled_reason(replace(state, capacity=ROOMY))
    if not held:
        assert why is None
        return
    which, one = ("job 1 is", "it") if len(paused) == 1 else (f"{len(paused)} jobs are", "one")
    assert why == f"nothing can start while {which} paused: resume {one} with `ttsdash jobs resume 1`"


@pytest.mark.parametrize(
    ("running", "next_job", "capacity", "message"),
    [
        (Resources(), Resources(exclusive=True), ROOMY, "it runs alone, once the others have ended"),
        (Resources(exclusive=True), Resources(), ROOMY, "another runs alone"),
        (Resources(), Resources(), replace(ROOMY, slots=1), "all slots are busy"),
        (Resources(cores=3), Resources(cores=6), ROOMY, "it needs 6 cores, 5 free"),
        (Resources(memory_mb=7000), Resources(memory_mb=2000), ROOMY, "it needs 2000 MB of memory, 1000 free"),
    ],
)
def test_the_reason_names_the_busy_resource_and_later_jobs_wait_their_turn(
    running: Resources,
    next_job: Resources,
    capacity: Capacity,
    message: str,
    workspace: Workspace,
    db: sqlite3.Connection,
    voice: Voice,
) -> None:
    _, blocked, behind = submit(workspace, db, new_job(voice, running), new_job(voice, next_job), new_job(voice))
    assert claim(db, capacity)
    assert claim(db, capacity) is None
    assert reason(workspace, db, blocked, capacity) == message
    assert reason(workspace, db, behind, capacity) == f"behind job {blocked}"


def test_two_jobs_for_the_same_variant_run_one_after_the_other(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    int4_job = replace(new_job(voice), variant="int4")
    first, second, other = submit(workspace, db, int4_job, int4_job, replace(int4_job, variant="optimized"))
    started = [job.id for job in (claim(db, ROOMY), claim(db, ROOMY)) if job]
    assert started == [first, other]
    assert claim(db, ROOMY) is None
    assert reason(workspace, db, second) == f"job {first} makes the same variant"


def test_the_reason_mentions_a_nearly_full_disk(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert disk_shortage(workspace, voice.size_bytes) is None
    monkeypatch.setattr(scheduling, "_BASE_DISK_MB", 10**9)
    (job_id,) = submit(workspace, db, new_job(voice))
    assert str(reason(workspace, db, job_id)).startswith("the disk is nearly full: ")
