"""`core.store.activity`: what has happened in the queue since its user looked at it last."""

import pytest

from core.clock import now
from core.records.jobs import NewJob
from core.store.activity import Activity, read_activity, record_visit
from core.store.database import transaction
from core.store.jobs import add_event, add_job
from core.store.lifecycle import finish
from core.store.queue_control import cancel, cancel_all, forget_ended, retry
from tests.core.store.job_queue import Queue, attempt_of


def _ended(away: Activity) -> list[int]:
    return [job.id for job in away.ended]


def _visit(queue: Queue) -> Activity:
    away = read_activity(queue.db)
    record_visit(queue.db, away)
    return away


def _hook_fails(queue: Queue, job_id: int, detail: str) -> None:
    with transaction(queue.db):
        add_event(queue.db, job_id, "hook failed", detail)


def test_in_a_new_workspace_nothing_has_happened(queue: Queue) -> None:
    assert read_activity(queue.db) == Activity(
        since=None, ended=(), hook_failures=(), running=0, waiting=0, counts={}, up_to=0
    )


def test_the_first_visit_reports_all_that_has_ended_so_far(queue: Queue) -> None:
    for state in ("succeeded", "failed"):
        queue.add()
        queue.end(state)
    away = read_activity(queue.db)
    assert (away.since, _ended(away), away.counts) == (None, [2, 1], {"succeeded": 1, "failed": 1})


def test_what_ended_since_the_last_visit_is_reported_the_last_one_first(queue: Queue) -> None:
    queue.add()
    queue.end()
    before = now()
    _visit(queue)
    for state in ("succeeded", "failed", "cancelled"):
        queue.add()
        queue.end(state)
    queue.add()
    queue.start()
    for _ in range(2):
        queue.add()
    away = read_activity(queue.db)
    assert away.since is not None
    assert before <= away.since <= now()
    assert away.ended == tuple(queue.job(job_id) for job_id in (4, 3, 2))
    assert (away.in_state("succeeded"), away.in_state("failed")) == ((queue.job(2),), (queue.job(3),))
    assert (away.running, away.waiting) == (1, 2)
    assert away.counts == {"succeeded": 1, "failed": 1, "cancelled": 1}


def test_jobs_are_reported_in_the_order_in_which_they_ended(queue: Queue) -> None:
    for _ in range(3):
        queue.add()
    jobs = [queue.start() for _ in range(3)]
    for job in (jobs[1], jobs[2], jobs[0]):
        finish(queue.db, *attempt_of(job), "succeeded")
    assert _ended(read_activity(queue.db)) == [1, 3, 2]


def test_a_visit_that_is_noted_is_over(queue: Queue) -> None:
    queue.add()
    queue.end("failed")
    assert _ended(read_activity(queue.db)) == _ended(_visit(queue)) == [1]
    away = read_activity(queue.db)
    assert (away.ended, away.counts, away.since is None) == ((), {}, False)


def test_what_ends_while_it_is_reported_is_reported_the_next_time(queue: Queue) -> None:
    queue.add()
    queue.add()
    queue.end()
    away = read_activity(queue.db)
    queue.end()
    record_visit(queue.db, away)
    assert _ended(read_activity(queue.db)) == [2]


def test_a_job_that_was_queued_again_is_not_reported_before_it_has_ended_again(queue: Queue) -> None:
    queue.add()
    queue.end("failed")
    retry(queue.db, 1)
    away = read_activity(queue.db)
    assert (away.ended, away.counts, away.waiting) == ((), {}, 1)
    queue.end()
    away = read_activity(queue.db)
    assert (_ended(away), away.counts) == ([1], {"succeeded": 1})


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_ends_twice_in_the_same_way_is_reported_once(queue: Queue, state: str) -> None:
    queue.add()
    queue.add()
    queue.end(state)
    queue.end()
    retry(queue.db, 1)
    queue.end(state)
    away = read_activity(queue.db)
    assert (_ended(away), away.counts) == ([1, 2], {state: 1, "succeeded": 1})


def test_a_job_that_is_tried_again_after_a_visit_is_news_when_it_ends(queue: Queue) -> None:
    queue.add()
    queue.end("failed")
    _visit(queue)
    retry(queue.db, 1)
    assert read_activity(queue.db).ended == ()
    queue.end("failed")
    assert _ended(read_activity(queue.db)) == [1]


def test_what_was_cancelled_because_of_another_is_reported_with_the_reason(queue: Queue) -> None:
    first = queue.add()
    queue.add(after=(first,))
    cancel(queue.db, first)
    away = read_activity(queue.db)
    assert [(job.id, job.error) for job in away.ended] == [(2, "job 1, which it waits for, was cancelled"), (1, None)]


def test_hooks_that_failed_are_reported_until_the_next_visit(queue: Queue) -> None:
    for _ in range(2):
        queue.add()
        queue.end()
    _hook_fails(queue, 1, "notify ended with code 1")
    _hook_fails(queue, 2, "notify was killed: it took longer than 60 s")
    away = _visit(queue)
    assert away.hook_failures == ((2, "notify was killed: it took longer than 60 s"), (1, "notify ended with code 1"))
    assert _ended(away) == [2, 1]
    # The hook of a job that was reported before may fail later.
    _hook_fails(queue, 1, "notify ended with code 2")
    away = read_activity(queue.db)
    assert (away.hook_failures, away.ended) == (((1, "notify ended with code 2"),), ())


def test_what_was_forgotten_is_not_reported_and_what_ends_afterwards_is(queue: Queue) -> None:
    for _ in range(3):
        queue.add()
        queue.end("failed")
    _visit(queue)
    queue.add()
    queue.end("failed")
    forget_ended(queue.db)
    assert read_activity(queue.db).ended == ()
    queue.add()
    queue.end()
    assert _ended(_visit(queue)) == [5]
    assert read_activity(queue.db).ended == ()


def test_of_very_many_that_have_ended_the_last_ones_are_reported_and_all_are_counted(queue: Queue) -> None:
    with transaction(queue.db):
        for _ in range(510):
            add_job(queue.db, NewJob("quantize", queue.voice.id, "small", {}))
    cancel_all(queue.db)
    queue.add()
    queue.end()
    away = read_activity(queue.db)
    assert len(away.in_state("cancelled")) == 500
    assert _ended(away)[:2] == [511, 510]
    assert away.counts == {"cancelled": 510, "succeeded": 1}
