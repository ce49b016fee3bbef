"""`core.store.queue_control`: what a user does with the queue."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from core.errors import InvalidInput, NotFound
from core.records.jobs import ATTEMPTS
from core.store.database import transaction
from core.store.jobs import list_jobs
from core.store.lifecycle import ResourceUsage, claim, commit_result, finish, is_cancel_asked, report, requeue
from core.store.queue_control import (
    JobUpdate,
    cancel,
    cancel_all,
    forget_ended,
    move_before,
    move_first,
    move_last,
    pause,
    require_queued,
    resume,
    retry,
    retry_failed,
    update_job,
)
from core.store.voices import get_voice, put_variant
from tests.core.store.job_queue import LATER, Queue, attempt_of
from tests.factories import make_variant

Act = Callable[..., Any]


@pytest.mark.parametrize(
    "act",
    [
        cancel,
        retry,
        require_queued,
        move_first,
        move_last,
        partial(move_before, other_id=1),
        lambda db, job_id: move_before(db, 1, job_id),
        partial(update_job, changes=JobUpdate(priority=1), detail="priority 1"),
    ],
    ids=["cancel", "retry", "queued", "move_first", "move_last", "move_before", "move_before_it", "edit"],
)
@pytest.mark.parametrize("job_id", [7, 0, -1, 10**30])
def test_nothing_can_be_done_with_a_job_that_is_not_there(queue: Queue, act: Act, job_id: int) -> None:
    queue.add()
    with pytest.raises(NotFound, match=f"no job {job_id}: list"):
        act(queue.db, job_id)
    assert queue.events(1) == [(0, "queued", None)]


@pytest.mark.parametrize("state", ["running", "succeeded", "failed", "cancelled"])
@pytest.mark.parametrize(
    "act",
    [
        require_queued,
        move_first,
        move_last,
        partial(move_before, other_id=1),
        lambda db, job_id: move_before(db, 1, job_id),
        partial(update_job, changes=JobUpdate(priority=1), detail="priority 1"),
    ],
    ids=["queued", "move_first", "move_last", "move_before", "move_before_it", "edit"],
)
def test_only_a_queued_job_can_be_changed(queue: Queue, act: Act, state: str) -> None:
    queue.add()
    job_id = queue.add(priority=1)
    if state == "running":
        queue.start()
    else:
        queue.end(state)
    before = list_jobs(queue.db)
    with pytest.raises(InvalidInput, match=f"job {job_id} is {state}: only a queued job can be changed"):
        act(queue.db, job_id)
    assert list_jobs(queue.db) == before


def test_the_queue_is_paused_and_resumed_once(queue: Queue) -> None:
    queue.add()
    assert [act(queue.db) for act in (resume, pause, pause)] == [False, True, False]
    assert claim(queue.db) is None
    assert [act(queue.db) for act in (resume, resume)] == [True, False]
    assert queue.started() == [1]


def test_a_queued_job_is_cancelled_at_once(queue: Queue) -> None:
    job_id = queue.add()
    assert cancel(queue.db, job_id) == "cancelled"
    job = queue.job(job_id)
    assert (job.state, job.error) == ("cancelled", None)
    assert job.finished_at is not None
    assert queue.events(job_id)[-1] == (0, "cancelled", None)
    assert claim(queue.db) is None


def test_a_running_job_is_asked_to_end(queue: Queue) -> None:
    queue.add()
    job = queue.start()
    assert cancel(queue.db, job.id) == "asked"
    assert (queue.job(1).state, queue.job(1).finished_at) == ("running", None)
    assert is_cancel_asked(queue.db, job.id)
    assert queue.events(1)[-1] == (1, "cancel asked", None)


@pytest.mark.parametrize(
    ("state", "message"),
    [("succeeded", "job 1 succeeded"), ("failed", "job 1 failed"), ("cancelled", "job 1 was cancelled")],
)
def test_a_job_that_has_ended_cannot_be_cancelled(queue: Queue, state: str, message: str) -> None:
    queue.add()
    queue.end(state)
    with pytest.raises(InvalidInput, match=f"{message}: nothing to cancel"):
        cancel(queue.db, 1)
    assert not is_cancel_asked(queue.db, 1)


def test_what_waits_for_a_queued_job_is_cancelled_with_it(queue: Queue) -> None:
    first = queue.add()
    queue.add(after=(first,))
    cancel(queue.db, first)
    assert queue.states() == ["cancelled", "cancelled"]
    assert queue.job(2).error == f"job {first}, which it waits for, was cancelled"


def test_what_waits_for_a_running_job_waits_until_that_has_ended(queue: Queue) -> None:
    first = queue.add()
    queue.add(after=(first,))
    job = queue.start()
    cancel(queue.db, first)
    assert queue.states() == ["running", "queued"]
    finish(queue.db, *attempt_of(job), "cancelled")
    assert queue.states() == ["cancelled", "cancelled"]


def test_everything_is_cancelled_at_once(queue: Queue) -> None:
    queue.add()
    queue.end()
    running = [queue.add(), queue.add()]
    waiting = [queue.add(after=(running[0],)), queue.add(not_before=LATER), queue.add()]
    queue.start()
    queue.start()
    assert cancel_all(queue.db) == (3, running)
    assert queue.states() == ["succeeded", "running", "running", "cancelled", "cancelled", "cancelled"]
    assert all(is_cancel_asked(queue.db, job_id) for job_id in running)
    for job_id in waiting:
        # Each by hand, also what waits for another.
        assert queue.job(job_id).error is None
        assert queue.job(job_id).finished_at is not None
        assert queue.events(job_id)[1:] == [(0, "cancelled", None)]
    assert queue.events(running[0])[-1] == (1, "cancel asked", None)
    assert claim(queue.db) is None


def test_where_nothing_is_open_there_is_nothing_to_cancel(queue: Queue) -> None:
    assert cancel_all(queue.db) == (0, [])
    queue.add()
    queue.end("failed")
    assert cancel_all(queue.db) == (0, [])
    assert queue.states() == ["failed"]


def test_a_retry_revives_what_was_cancelled_for_that_reason(queue: Queue) -> None:
    first = queue.add()
    second = queue.add(after=(first,))
    third = queue.add(after=(second,))
    queue.end("failed")
    assert retry(queue.db, first) == [first, second, third]
    assert queue.states() == ["queued"] * 3
    assert {queue.job(job_id).error for job_id in (first, second, third)} == {None}
    assert [queue.end() for _ in range(3)] == [first, second, third]


def test_a_retry_revives_what_waits_for_a_younger_job(queue: Queue) -> None:
    first, second, third = queue.add(), queue.add(), queue.add()
    update_job(queue.db, first, JobUpdate(after=(second,)), "after 2")
    update_job(queue.db, second, JobUpdate(after=(third,)), "after 3")
    assert queue.end("failed") == third
    assert retry(queue.db, third) == [third, second, first]
    assert queue.states() == ["queued"] * 3


def test_a_retry_leaves_what_was_cancelled_by_hand(queue: Queue) -> None:
    first = queue.add()
    unwanted, wanted = queue.add(after=(first,)), queue.add(after=(first,))
    cancel(queue.db, unwanted)
    queue.end("failed")
    assert retry(queue.db, first) == [first, wanted]
    assert queue.states() == ["queued", "cancelled", "queued"]


def test_a_retry_leaves_alone_what_waits_for_a_job_that_was_cancelled_by_hand(queue: Queue) -> None:
    first = queue.add()
    second = queue.add(after=(first,))
    third = queue.add(after=(second,))
    cancel(queue.db, second)
    queue.end("failed")
    assert retry(queue.db, first) == [first]
    assert queue.job(third).state == "cancelled"


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_retry_leaves_alone_what_waits_for_another_job_that_did_not_succeed(queue: Queue, state: str) -> None:
    first, second = queue.add(), queue.add()
    both = queue.add(after=(first, second))
    queue.end("failed")
    queue.end(state)
    assert retry(queue.db, first) == [first]
    assert retry(queue.db, second) == [second, both]


def test_a_retry_has_all_attempts_again_and_its_number_goes_on(queue: Queue) -> None:
    queue.add()
    for _ in range(ATTEMPTS):
        requeue(queue.db, *attempt_of(queue.start()), "its worker died")
    assert queue.job(1).state == "failed"
    retry(queue.db, 1)
    states = [requeue(queue.db, *attempt_of(queue.start()), "its worker died") for _ in range(ATTEMPTS)]
    assert states == ["queued"] * (ATTEMPTS - 1) + ["failed"]
    assert queue.job(1).attempt == 2 * ATTEMPTS


def test_a_retried_job_starts_with_a_clean_row(queue: Queue) -> None:
    queue.add()
    job = queue.start()
    report(queue.db, job.id, 1, "halfway", 0.5)
    cancel(queue.db, job.id)
    finish(queue.db, job.id, 1, "cancelled", usage=ResourceUsage(1.0, 2.0, 3.0))
    retry(queue.db, job.id)
    job = queue.job(job.id)
    assert (job.state, job.cancel_asked, job.stage, job.progress) == ("queued", False, None, None)
    assert (job.started_at, job.finished_at, job.error, job.result) == (None,) * 4
    assert (job.seconds, job.cpu_seconds, job.peak_mb) == (None,) * 3
    assert queue.events(1)[-1] == (1, "queued", "retried")
    job = queue.start()
    report(queue.db, job.id, 2, "again", 0.1)


@pytest.mark.parametrize("state", ["queued", "running", "succeeded"])
def test_only_a_failed_or_cancelled_job_can_be_tried_again(queue: Queue, state: str) -> None:
    queue.add()
    if state != "queued":
        queue.start()
    if state == "succeeded":
        finish(queue.db, 1, 1, state)
    with pytest.raises(InvalidInput, match=f"job 1 is {state}"):
        retry(queue.db, 1)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_is_not_tried_again_before_the_one_it_waits_for(queue: Queue, state: str) -> None:
    first = queue.add()
    second = queue.add(after=(first,))
    queue.end(state)
    with pytest.raises(
        InvalidInput, match=f"job {second} waits for job {first}, which did not succeed: retry that one"
    ):
        retry(queue.db, second)


def test_all_that_failed_is_tried_again_with_what_was_cancelled_because_of_it(queue: Queue) -> None:
    broken, other, well, unwanted = (queue.add() for _ in range(4))
    both = queue.add(after=(broken, other))
    last = queue.add(after=(both,))
    cancel(queue.db, unwanted)
    for state in ("failed", "failed", "succeeded"):
        queue.end(state)
    assert retry_failed(queue.db) == [broken, other, both, last]
    assert {queue.job(job_id).state for job_id in (broken, other, both, last)} == {"queued"}
    assert (queue.job(well).state, queue.job(unwanted).state) == ("succeeded", "cancelled")
    assert [queue.events(job_id)[-1] for job_id in (broken, last)] == [
        (1, "queued", "retried"),
        (0, "queued", "retried"),
    ]
    assert retry_failed(queue.db) == []


@pytest.mark.parametrize(
    ("moves", "order"),
    [
        ([(move_first, 3)], [3, 1, 2, 4]),
        ([(move_first, 1)], [1, 2, 3, 4]),
        ([(move_first, 4), (move_first, 3)], [3, 4, 1, 2]),
        ([(move_last, 2)], [1, 3, 4, 2]),
        ([(move_last, 4)], [1, 2, 3, 4]),
        ([(move_last, 1), (move_last, 2)], [3, 4, 1, 2]),
        ([(move_before, 4, 2)], [1, 4, 2, 3]),
        ([(move_before, 1, 4)], [2, 3, 1, 4]),
        ([(move_before, 1, 2)], [1, 2, 3, 4]),
        ([(move_before, 3, 1)], [3, 1, 2, 4]),
        ([(move_before, 2, 2)], [1, 2, 3, 4]),
        ([(move_before, 4, 3), (move_before, 1, 3)], [2, 4, 1, 3]),
        ([(move_before, 4, 3), (move_before, 1, 4)], [2, 1, 4, 3]),
        ([(move_before, 1, 4), (move_before, 2, 4), (move_before, 3, 4)], [1, 2, 3, 4]),
        ([(move_first, 2), (move_last, 2), (move_before, 2, 1), (move_before, 3, 2)], [3, 2, 1, 4]),
    ],
)
def test_a_job_stands_where_it_was_put(queue: Queue, moves: list[tuple[Any, ...]], order: list[int]) -> None:
    for _ in range(4):
        queue.add()
    for move, *ids in moves:
        move(queue.db, *ids)
    assert queue.order() == order
    queue.add()
    assert queue.order() == [*order, 5]
    assert queue.started() == [*order, 5]


def test_a_job_that_is_moved_takes_the_priority_of_its_place(queue: Queue) -> None:
    low, first, second, high = (queue.add(priority=priority) for priority in (-1, 0, 0, 5))
    move_first(queue.db, low)
    assert queue.order() == [low, high, first, second]
    move_last(queue.db, high)
    assert queue.order() == [low, first, second, high]
    move_before(queue.db, low, second)
    assert queue.order() == [first, low, second, high]
    assert [queue.job(job_id).priority for job_id in queue.order()] == [0] * 4
    assert queue.events(low)[1:] == [(0, "edited", "priority 5"), (0, "edited", "priority 0")]
    move_before(queue.db, low, first)
    assert len(queue.events(low)) == 3


def test_jobs_of_one_turn_go_by_their_age(queue: Queue) -> None:
    first, second, third = queue.add(), queue.add(), queue.add()
    move_last(queue.db, first)
    fourth, fifth = queue.add(), queue.add(priority=1)
    update_job(queue.db, fifth, JobUpdate(priority=0), "priority 0")
    assert queue.job(fourth).position == queue.job(fifth).position
    assert queue.order() == [second, third, first, fourth, fifth]
    move_before(queue.db, first, fifth)
    assert queue.order() == [second, third, fourth, first, fifth]


@pytest.mark.parametrize(("move", "priority"), [(move_first, 5), (move_last, -5)])
def test_a_job_that_stands_at_that_end_keeps_its_priority(queue: Queue, move: Act, priority: int) -> None:
    queue.add()
    outmost = queue.add(priority=priority)
    move(queue.db, outmost)
    assert queue.job(outmost).priority == priority
    move(queue.db, 1)
    move(queue.db, 1)
    assert queue.order() == ([1, outmost] if move is move_first else [outmost, 1])


def test_one_job_can_be_moved_to_where_it_is(queue: Queue) -> None:
    queue.add(priority=3)
    move_first(queue.db, 1)
    move_last(queue.db, 1)
    assert (queue.order(), queue.job(1).priority) == ([1], 3)


def test_jobs_that_run_come_back_to_their_place_among_those_that_nobody_moved(queue: Queue) -> None:
    for _ in range(6):
        queue.add()
    jobs = [queue.start(), queue.start()]
    move_before(queue.db, 6, 5)
    for job in jobs:
        requeue(queue.db, *attempt_of(job), "stopped", counts=False)
    assert queue.order() == [1, 2, 3, 4, 6, 5]


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        (JobUpdate(priority=7), {"priority": 7}),
        (JobUpdate(priority=0), {"priority": 0}),
        (JobUpdate(params={"bits": 4}), {"params": {"bits": 4}}),
        (JobUpdate(params={}), {"params": {}}),
        (JobUpdate(variant="other"), {"variant": "other"}),
        (JobUpdate(not_before="9998-01-01T00:00:00.000Z"), {"not_before": "9998-01-01T00:00:00.000Z"}),
        (JobUpdate(clear_not_before=True), {"not_before": None}),
        (JobUpdate(after=(1,)), {"after": (1,)}),
        (JobUpdate(after=()), {"after": ()}),
        (JobUpdate(after=(3, 1, 3)), {"after": (1, 3)}),
        (JobUpdate(), {}),
    ],
)
def test_what_is_edited_changes_and_nothing_else(queue: Queue, changes: JobUpdate, kept: dict[str, Any]) -> None:
    first = queue.add()
    job_id = queue.add(params={"bits": 8}, priority=1, after=(first,), not_before=LATER)
    queue.add()
    before = queue.job(job_id)
    update_job(queue.db, job_id, changes, "as was asked for")
    job = queue.job(job_id)
    fields = ("kind", "variant", "params", "priority", "after", "not_before", "position", "resources", "state")
    assert {name: getattr(job, name) for name in fields} == {name: getattr(before, name) for name in fields} | kept
    assert queue.events(job_id)[1:] == [(0, "edited", "as was asked for")]


def test_a_job_goes_where_its_new_priority_puts_it(queue: Queue) -> None:
    first, second, third = queue.add(), queue.add(priority=1), queue.add(priority=1)
    update_job(queue.db, first, JobUpdate(priority=1), "priority 1")
    assert queue.order() == [first, second, third]
    update_job(queue.db, second, JobUpdate(priority=0), "priority 0")
    assert queue.order() == [first, third, second]


def test_a_job_may_wait_for_another_one_than_before(queue: Queue) -> None:
    first, second = queue.add(), queue.add()
    waiting = queue.add(after=(first,))
    update_job(queue.db, waiting, JobUpdate(after=(second,)), "after 2")
    assert queue.end("failed") == first
    assert queue.states() == ["failed", "queued", "queued"]
    assert [queue.end(), queue.end()] == [second, waiting]


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_cannot_be_made_to_wait_for_one_that_did_not_succeed(queue: Queue, state: str) -> None:
    first = queue.add()
    queue.end(state)
    second = queue.add()
    with pytest.raises(InvalidInput, match=f"job {first} .*: no job can wait for it"):
        update_job(queue.db, second, JobUpdate(after=(first,), priority=9), "after 1")
    with pytest.raises(NotFound, match="no job 7"):
        update_job(queue.db, second, JobUpdate(after=(7,), priority=9), "after 7")
    assert (queue.job(second).after, queue.job(second).priority) == ((), 0)


@pytest.mark.parametrize(("job_id", "after"), [(1, 1), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4)])
def test_no_job_waits_for_itself(queue: Queue, job_id: int, after: int) -> None:
    queue.add()
    queue.add(after=(1,))
    queue.add(after=(2,))
    queue.add(after=(3,))
    with pytest.raises(InvalidInput, match=f"job {job_id} cannot wait for job {after}, which waits for it"):
        update_job(queue.db, job_id, JobUpdate(after=(after,)), f"after {after}")
    assert [queue.job(entry).after for entry in (1, 2, 3, 4)] == [(), (1,), (2,), (3,)]
    assert [queue.end() for _ in range(4)] == [1, 2, 3, 4]


def test_jobs_may_wait_for_one_in_many_ways(queue: Queue) -> None:
    for _ in range(4):
        queue.add()
    for job_id, after in ((4, (1,)), (3, (1, 4)), (2, (1, 3, 4))):
        update_job(queue.db, job_id, JobUpdate(after=after), "after")
    assert [queue.end() for _ in range(4)] == [1, 4, 3, 2]


def test_a_benchmark_measures_what_the_job_that_it_waits_for_makes_now(queue: Queue) -> None:
    made = queue.add(variant="int8")
    other = queue.add(variant="int4")
    waiting = queue.add("benchmark", None, {"variants": ["int8", "int4"], "threads": [1]}, after=(made, other))
    later = queue.add("benchmark", None, {"variants": ["int8"], "threads": [1]}, after=(waiting,))
    unrelated = queue.add("benchmark", None, {"variants": ["int8"], "threads": [1]})
    update_job(
        queue.db, made, JobUpdate(variant="int8+clip=max", params={"clip": "max"}), "clip=max; now int8+clip=max"
    )
    assert queue.job(waiting).params == {"variants": ["int8+clip=max", "int4"], "threads": [1]}
    assert queue.events(waiting)[1:] == [(0, "edited", "measures int8+clip=max instead of int8")]
    # These were not queued to measure what that job makes.
    assert queue.job(later).params == queue.job(unrelated).params == {"variants": ["int8"], "threads": [1]}
    update_job(queue.db, made, JobUpdate(variant="int4"), "now int4")
    assert queue.job(waiting).params["variants"] == ["int4"]


def test_a_benchmark_that_has_ended_reports_what_it_was_to_measure(queue: Queue) -> None:
    made = queue.add(variant="int8")
    unwanted = queue.add("benchmark", None, {"variants": ["int8"]}, after=(made,))
    cancel(queue.db, unwanted)
    update_job(queue.db, made, JobUpdate(variant="int4"), "now int4")
    assert queue.job(unwanted).params == {"variants": ["int8"]}


def test_what_has_ended_is_forgotten_with_its_history(queue: Queue) -> None:
    for state in ("succeeded", "failed", "cancelled"):
        queue.add()
        queue.end(state)
    running = queue.add()
    queue.start()
    waiting = queue.add(after=(running,))
    assert forget_ended(queue.db) == [1, 2, 3]
    assert [job.id for job in list_jobs(queue.db)] == [waiting, running]
    assert {row[0] for row in queue.db.execute("SELECT job_id FROM job_events")} == {running, waiting}
    assert queue.job(waiting).after == (running,)
    assert queue.db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert forget_ended(queue.db) == []


def test_what_waits_for_a_forgotten_job_runs(queue: Queue) -> None:
    first, second = queue.add(), queue.add()
    waiting = queue.add(after=(first, second))
    queue.end()
    assert forget_ended(queue.db) == [first]
    assert (queue.job(waiting).after, queue.job(waiting).waits_for) == ((second,), (second,))
    assert [queue.end(), queue.end()] == [second, waiting]
    assert forget_ended(queue.db) == [second, waiting]


def test_what_a_forgotten_job_made_and_measured_stays(queue: Queue) -> None:
    job_id = queue.add()
    job = queue.start()
    variant = make_variant("small", voice="amy", path="/small.onnx", recipe="int4", job_id=job_id)
    with transaction(queue.db):
        put_variant(queue.db, queue.voice.id, variant)
        queue.db.execute("INSERT INTO machines VALUES ('m', '{}')")
        queue.db.execute("INSERT INTO environments VALUES ('e', '{}')")
        queue.db.execute(
            "INSERT INTO benchmarks VALUES ('b', ?, 'amy', ?, 'm', 'e', '3', '{}', '{}', 't')", (queue.voice.id, job_id)
        )
        commit_result(queue.db, *attempt_of(job), {"made": "small"})
    finish(queue.db, *attempt_of(job), "succeeded")
    assert forget_ended(queue.db) == [job_id]
    assert get_voice(queue.db, "amy").variant("small").job_id is None
    assert [tuple(row) for row in queue.db.execute("SELECT id, job_id FROM benchmarks")] == [("b", None)]
    assert queue.db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_the_number_of_an_event_never_comes_again(queue: Queue) -> None:
    # Visits and hooks refer to events by their ids.
    queue.add()
    queue.end()
    last = queue.db.execute("SELECT max(id) FROM job_events").fetchone()[0]
    forget_ended(queue.db)
    queue.add()
    assert queue.db.execute("SELECT min(id) FROM job_events").fetchone()[0] > last
