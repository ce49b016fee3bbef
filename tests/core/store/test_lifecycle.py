"""`core.store.lifecycle`: what happens to a job that runs, one change at a time."""

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.clock import format_timestamp
from core.records.job_states import ENDED
from core.records.jobs import ATTEMPTS, Job
from core.records.resources import Capacity, Resources
from core.store.jobs import StaleAttempt
from core.store.lifecycle import (
    ResourceUsage,
    claim,
    commit_error,
    commit_result,
    dependents,
    finish,
    is_cancel_asked,
    is_paused,
    next_not_before,
    next_runnable,
    record_process,
    record_usage,
    report,
    requeue,
)
from core.store.queue_control import cancel, move_first, pause, resume
from tests.core.store.job_queue import LATER, Queue, attempt_of
from tests.core.voice_files import voice_file
from tests.factories import add_voice

ALONE = Resources(exclusive=True)
LONG_AGO = "2001-01-01T00:00:00.000Z"
USAGE = ResourceUsage(seconds=12.5, cpu_seconds=20.25, peak_mb=512.0)


def test_nothing_is_claimed_from_an_empty_queue(queue: Queue) -> None:
    assert next_runnable(queue.db) is None
    assert claim(queue.db) is None


def test_a_claimed_job_runs_its_first_attempt(queue: Queue) -> None:
    job_id = queue.add()
    job = queue.start(machine="here")
    assert (job.id, job.state, job.attempt, job.stage, job.progress) == (job_id, "running", 1, "starting", None)
    assert (job.machine_id, job.process_group) == ("here", None)
    assert job.started_at == job.heartbeat_at
    assert claim(queue.db) is None


def test_jobs_are_claimed_by_priority_then_in_turn(queue: Queue) -> None:
    low, first, second, high = (queue.add(priority=priority) for priority in (-1, 0, 0, 5))
    assert next_runnable(queue.db) == high
    assert queue.started() == [high, first, second, low]


def test_a_job_that_was_moved_is_claimed_where_it_was_put(queue: Queue) -> None:
    first, second, third = (queue.add() for _ in range(3))
    move_first(queue.db, third)
    assert queue.started() == [third, first, second]


def test_nothing_is_started_while_the_queue_is_paused(queue: Queue) -> None:
    queue.add()
    running = queue.start()
    queue.add(priority=9)
    pause(queue.db)
    assert is_paused(queue.db)
    assert claim(queue.db) is None
    # What runs goes on, and ends.
    report(queue.db, *attempt_of(running), "halfway", 0.5)
    assert finish(queue.db, *attempt_of(running), "succeeded")
    assert claim(queue.db) is None
    resume(queue.db)
    assert not is_paused(queue.db)
    assert queue.start().priority == 9


@pytest.mark.parametrize(
    ("capacity", "needs", "started"),
    [
        (Capacity(slots=2, cores=8, memory_mb=8000), [Resources(), Resources(), Resources()], 2),
        (Capacity(slots=9, cores=4, memory_mb=8000), [Resources(cores=2), Resources(cores=2), Resources()], 2),
        (Capacity(slots=9, cores=4, memory_mb=8000), [Resources(cores=3), Resources(cores=2), Resources()], 1),
        (
            Capacity(slots=9, cores=8, memory_mb=1000),
            [Resources(memory_mb=600), Resources(memory_mb=400), Resources()],
            3,
        ),
        (
            Capacity(slots=9, cores=8, memory_mb=1000),
            [Resources(memory_mb=600), Resources(memory_mb=500), Resources()],
            1,
        ),
        (Capacity(slots=9, cores=1, memory_mb=100), [Resources(cores=64, memory_mb=64_000), Resources()], 1),
        (Capacity(slots=9, cores=8, memory_mb=8000), [ALONE, Resources()], 1),
        (Capacity(slots=9, cores=8, memory_mb=8000), [Resources(), ALONE, Resources()], 1),
    ],
)
def test_only_what_the_worker_has_room_for_is_started_and_nothing_overtakes_what_has_none(
    queue: Queue, capacity: Capacity, needs: list[Resources], started: int
) -> None:
    ids = [queue.add(resources=need) for need in needs]
    assert queue.started(capacity) == ids[:started]
    assert queue.order() == ids[started:]


def test_jobs_that_make_the_same_never_run_side_by_side_and_keep_nobody_else_waiting(queue: Queue) -> None:
    joe = add_voice(queue.db, voice_file("/voices/joe.onnx", "b" * 64)).id
    first, same, other = queue.add(variant="int8"), queue.add(variant="int8"), queue.add(variant="int4")
    on_joe, any_of_them, again = queue.add(variant="int8", voice_id=joe), queue.add(), queue.add()
    assert queue.started() == [first, other, on_joe, any_of_them, again]
    finish(queue.db, other, 1, "succeeded")
    assert queue.started() == []
    finish(queue.db, first, 1, "failed")
    assert queue.started() == [same]


def test_a_job_waits_for_all_that_it_comes_after(queue: Queue) -> None:
    first, second = queue.add(), queue.add()
    last = queue.add(after=(first, second), priority=9)
    queue.end()
    assert queue.started() == [second]
    finish(queue.db, second, 1, "succeeded")
    assert queue.started() == [last]


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_never_starts_before_what_it_comes_after_has_succeeded(queue: Queue, state: str) -> None:
    first = queue.add()
    waiting = queue.add(after=(first,))
    queue.end(state)
    assert claim(queue.db) is None
    assert queue.job(waiting).state == "cancelled"


def test_a_job_waits_for_its_time(queue: Queue) -> None:
    here = datetime.now(UTC)
    later = queue.add(not_before=format_timestamp(here + timedelta(hours=1)), priority=9)
    past = queue.add(not_before=format_timestamp(here - timedelta(seconds=1)))
    assert queue.started() == [past]
    assert queue.job(later).state == "queued"


def test_the_next_time_is_the_first_of_those_that_are_waited_for(queue: Queue) -> None:
    here = datetime.now(UTC)
    assert next_not_before(queue.db) is None
    queue.add()
    queue.add(not_before=format_timestamp(here - timedelta(hours=1)))
    assert next_not_before(queue.db) is None
    unwanted, soon, late = (
        queue.add(not_before=format_timestamp(here + timedelta(hours=hours))) for hours in (1, 2, 3)
    )
    cancel(queue.db, unwanted)
    assert next_not_before(queue.db) == queue.job(soon).not_before
    cancel(queue.db, soon)
    assert next_not_before(queue.db) == queue.job(late).not_before


def test_a_job_that_must_be_alone_waits_for_the_others_and_holds_back_those_behind_it(queue: Queue) -> None:
    running, alone, behind = queue.add(), queue.add(resources=ALONE), queue.add()
    queue.start()
    assert claim(queue.db) is None
    finish(queue.db, running, 1, "succeeded")
    assert queue.start().id == alone
    assert claim(queue.db) is None
    finish(queue.db, alone, 1, "succeeded")
    assert queue.start().id == behind


def test_nothing_starts_beside_a_job_that_runs_alone_whatever_its_priority(queue: Queue) -> None:
    alone = queue.add(resources=ALONE)
    queue.start()
    queue.add(priority=99)
    queue.add(resources=ALONE, priority=99)
    assert claim(queue.db) is None
    finish(queue.db, alone, 1, "failed")
    assert queue.start().priority == 99


def test_a_job_alone_that_cannot_start_yet_holds_nobody_back(queue: Queue) -> None:
    first = queue.add()
    queue.add(resources=ALONE, after=(first,), priority=9)
    queue.add(resources=ALONE, not_before=LATER, priority=9)
    other = queue.add()
    assert queue.started() == [first, other]


def test_a_running_job_reports_where_it_is_and_what_it_takes(queue: Queue) -> None:
    queue.add()
    job = queue.start()
    record_process(queue.db, job, 4711)
    record_usage(queue.db, job, 187.5, 640.0)
    report(queue.db, job.id, 1, "pair 3 of 10", 0.3)
    job = queue.job(job.id)
    assert (job.process_group, job.stage, job.progress) == (4711, "pair 3 of 10", 0.3)
    assert (job.cpu_percent, job.rss_mb) == (187.5, 640.0)
    assert job.started_at is not None
    assert job.heartbeat_at is not None
    assert job.heartbeat_at >= job.started_at


def test_a_job_that_succeeded_keeps_its_result(queue: Queue) -> None:
    queue.add()
    job = queue.start()
    commit_result(queue.db, job.id, 1, {"benchmark": "b"})
    assert finish(queue.db, job.id, 1, "succeeded")
    job = queue.job(job.id)
    assert (job.state, job.result, job.stage, job.process_group) == ("succeeded", {"benchmark": "b"}, None, None)
    assert job.ended


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_did_not_succeed_has_no_result(queue: Queue, state: str) -> None:
    queue.add()
    commit_result(queue.db, queue.start().id, 1, {"benchmark": "b"})
    finish(queue.db, 1, 1, state, "it broke")
    assert (queue.job(1).result, queue.job(1).error) == (None, "it broke")


@pytest.mark.parametrize("state", ENDED)
def test_the_bill_of_a_job_stands_in_its_row_and_nothing_of_it_lives_on(queue: Queue, state: str) -> None:
    queue.add()
    job = queue.start()
    record_process(queue.db, job, 4711)
    record_usage(queue.db, job, 187.5, 640.0)
    finish(queue.db, *attempt_of(job), state, usage=USAGE)
    job = queue.job(1)
    assert (job.seconds, job.cpu_seconds, job.peak_mb) == (12.5, 20.25, 512.0)
    assert (job.cpu_percent, job.rss_mb, job.stage, job.process_group) == (None,) * 4


def test_a_bill_may_be_empty(queue: Queue) -> None:
    queue.add()
    queue.end(usage=ResourceUsage(seconds=1.0))
    queue.add()
    queue.end()
    bills = [(job.seconds, job.cpu_seconds, job.peak_mb) for job in (queue.job(1), queue.job(2))]
    assert bills == [(1.0, None, None), (None, None, None)]


def _writes_of_the_worker(db: sqlite3.Connection, job: Job) -> list[Any]:
    return [lambda: record_process(db, job, 1)]


def _writes_of_the_child(db: sqlite3.Connection, job: Job) -> list[Any]:
    return [
        lambda: report(db, job.id, job.attempt, "stage", 0.5),
        lambda: commit_result(db, job.id, job.attempt, {}),
        lambda: commit_error(db, job.id, job.attempt, "line"),
    ]


def _each_write(db: sqlite3.Connection, job: Job) -> list[Any]:
    return _writes_of_the_worker(db, job) + _writes_of_the_child(db, job)


def _nothing_is_written(queue: Queue, late: Job) -> None:
    """Whatever this attempt still does, the job stays as it is."""
    before, reported = queue.job(late.id), queue.events(late.id)
    for write in _each_write(queue.db, late):
        with pytest.raises(StaleAttempt):
            write()
    record_usage(queue.db, late, 1.0, 1.0)
    assert not finish(queue.db, *attempt_of(late), "failed", "late", USAGE)
    assert requeue(queue.db, *attempt_of(late), "late", usage=USAGE, not_before=LATER) == before.state
    assert (queue.job(late.id), queue.events(late.id)) == (before, reported)


def test_an_attempt_that_was_superseded_writes_nothing(queue: Queue) -> None:
    queue.add()
    old = queue.start()
    requeue(queue.db, *attempt_of(old), "its worker died")
    _nothing_is_written(queue, old)
    assert queue.start().attempt == 2
    _nothing_is_written(queue, old)


@pytest.mark.parametrize("state", ENDED)
def test_nothing_is_written_to_a_job_that_has_ended(queue: Queue, state: str) -> None:
    queue.add()
    job = queue.start()
    finish(queue.db, job.id, 1, state)
    _nothing_is_written(queue, job)


def test_a_running_job_that_is_asked_to_end_may_write_nothing_more(queue: Queue) -> None:
    queue.add()
    job = queue.start()
    assert not is_cancel_asked(queue.db, job.id)
    assert cancel(queue.db, job.id) == "asked"
    assert queue.job(job.id).state == "running"
    assert is_cancel_asked(queue.db, job.id)
    for write in _writes_of_the_child(queue.db, job):
        with pytest.raises(StaleAttempt):
            write()
    # The worker has yet to end the process, and must know where it is.
    for write in _writes_of_the_worker(queue.db, job):
        write()
    assert queue.job(job.id).process_group == 1
    assert finish(queue.db, job.id, 1, "cancelled")
    assert queue.job(job.id).state == "cancelled"


def test_nobody_has_asked_for_the_end_of_a_job_that_is_not_there(queue: Queue) -> None:
    assert not is_cancel_asked(queue.db, 7)


@pytest.mark.parametrize(("state", "word"), [("failed", "failed"), ("cancelled", "was cancelled")])
def test_what_waits_for_a_job_in_vain_is_cancelled_with_the_reason(queue: Queue, state: str, word: str) -> None:
    first = queue.add()
    second = queue.add(after=(first,))
    third = queue.add(after=(second,))
    other = queue.add()
    queue.end(state)
    assert queue.states() == [state, "cancelled", "cancelled", "queued"]
    reason = f"job {first}, which it waits for, {word}"
    for job_id in (second, third):
        assert queue.job(job_id).error == reason
        assert queue.job(job_id).finished_at is not None
        assert queue.events(job_id)[-1] == (0, "cancelled", reason)
    assert queue.started() == [other]


def test_those_that_wait_for_a_job_are_found_through_others_and_by_state(queue: Queue) -> None:
    first = queue.add()
    second = queue.add(after=(first,))
    third = queue.add(after=(second,))
    fourth = queue.add(after=(first, third))
    queue.add()
    assert dependents(queue.db, first, "queued") == [second, third, fourth]
    assert dependents(queue.db, third, "queued") == [fourth]
    assert dependents(queue.db, fourth, "queued") == []
    cancel(queue.db, third)
    assert dependents(queue.db, first, "queued") == [second]
    assert dependents(queue.db, first, "cancelled") == [third, fourth]


def test_an_interrupted_job_is_queued_again_until_its_attempts_are_spent(queue: Queue) -> None:
    queue.add()
    queue.add(after=(1,))
    states = [requeue(queue.db, *attempt_of(queue.start()), "its worker died", usage=USAGE) for _ in range(ATTEMPTS)]
    assert states == ["queued", "queued", "failed"]
    job = queue.job(1)
    assert (job.state, job.attempt) == ("failed", 3)
    assert job.error == "given up after 3 attempts: its worker died; see its log"
    assert (job.seconds, job.cpu_seconds, job.peak_mb) == (12.5, 20.25, 512.0)
    assert queue.job(2).state == "cancelled"


def test_an_interrupted_job_that_got_further_has_all_its_attempts_again(queue: Queue) -> None:
    queue.add()
    got_further = [False, False, True, False, False, True, True, False, False, False]
    states = [requeue(queue.db, *attempt_of(queue.start()), "killed", renews=renews) for renews in got_further]
    assert states == ["queued"] * 9 + ["failed"]


def test_an_interruption_that_was_asked_for_costs_no_attempt(queue: Queue) -> None:
    queue.add()
    each_counts = [*[False] * 10, True, True, *[False] * 3, True]
    states = [requeue(queue.db, *attempt_of(queue.start()), "interrupted", counts) for counts in each_counts]
    assert states == ["queued"] * 15 + ["failed"]
    assert queue.job(1).attempt == 16


@pytest.mark.parametrize("counts", [True, False])
def test_an_interrupted_job_that_was_to_be_cancelled_is(queue: Queue, counts: bool) -> None:
    queue.add()
    queue.add(after=(1,))
    job = queue.start()
    # Asked for after the worker had looked.
    cancel(queue.db, job.id)
    assert requeue(queue.db, *attempt_of(job), "its worker died", counts, USAGE) == "cancelled"
    assert queue.states() == ["cancelled", "cancelled"]
    assert (queue.job(1).error, queue.job(1).seconds) == (None, 12.5)


def test_a_job_that_had_handed_in_its_result_when_it_was_interrupted_has_succeeded(queue: Queue) -> None:
    queue.add()
    job = queue.start()
    commit_result(queue.db, *attempt_of(job), {"made": 1})
    cancel(queue.db, job.id)
    assert requeue(queue.db, *attempt_of(job), "its worker died", usage=USAGE) == "succeeded"
    assert (queue.job(job.id).result, queue.job(job.id).seconds) == ({"made": 1}, 12.5)


def test_a_requeued_job_shows_nothing_of_the_attempt_before(queue: Queue) -> None:
    queue.add()
    job = queue.start()
    record_process(queue.db, job, 4711)
    record_usage(queue.db, job, 187.5, 640.0)
    report(queue.db, job.id, 1, "halfway", 0.5)
    commit_error(queue.db, job.id, 1, "it was ended before it could end itself")
    requeue(queue.db, *attempt_of(job), "its worker died", usage=USAGE)
    job = queue.job(job.id)
    assert (job.state, job.stage, job.progress, job.process_group) == ("queued", None, None, None)
    assert (job.cpu_percent, job.rss_mb, job.error) == (None, None, None)
    # Nor does one that is cancelled then look as if it had been cancelled because of another.
    cancel(queue.db, job.id)
    assert queue.job(job.id).error is None


@pytest.mark.parametrize(
    ("before", "given", "kept"),
    [(None, None, None), (None, LATER, LATER), (LATER, None, LATER), (LONG_AGO, LATER, LATER)],
)
def test_a_job_that_is_put_back_may_be_given_time_to_wait(
    queue: Queue, before: str | None, given: str | None, kept: str | None
) -> None:
    queue.add()
    job = queue.start()
    queue.db.execute("UPDATE jobs SET not_before = ?", (before,))
    assert requeue(queue.db, *attempt_of(job), "its engine is busy", not_before=given) == "queued"
    assert queue.job(1).not_before == kept
    assert (claim(queue.db) is None) == (kept is not None)


def test_a_job_that_is_put_back_takes_its_place_again(queue: Queue) -> None:
    first, second, third = queue.add(), queue.add(), queue.add()
    move_first(queue.db, third)
    jobs = [queue.start(), queue.start()]
    for job in jobs:
        requeue(queue.db, *attempt_of(job), "stopped", counts=False)
    assert queue.order() == [third, first, second]


def test_the_next_attempt_starts_with_a_clean_row(queue: Queue) -> None:
    queue.add()
    job = queue.start(machine="here")
    report(queue.db, job.id, 1, "halfway", 0.5)
    requeue(queue.db, *attempt_of(job), "stopped")
    job = queue.start(machine="there")
    assert (job.attempt, job.stage, job.progress, job.machine_id) == (2, "starting", None, "there")
    assert (job.error, job.result, job.process_group, job.seconds) == (None,) * 4


def test_each_change_is_an_event(queue: Queue) -> None:
    queue.add()
    requeue(queue.db, *attempt_of(queue.start()), "its worker died")
    requeue(queue.db, *attempt_of(queue.start()), "the worker was stopped", counts=False)
    cancel(queue.db, queue.start().id)
    finish(queue.db, 1, 3, "cancelled")
    assert queue.events(1) == [
        (0, "queued", None),
        (1, "started", None),
        (1, "requeued", "its worker died"),
        (2, "started", None),
        (2, "requeued", "the worker was stopped"),
        (3, "started", None),
        (3, "cancel asked", None),
        (3, "cancelled", None),
    ]
    queue.add()
    queue.end("failed")
    assert queue.events(2)[-1] == (1, "failed", "it broke")
