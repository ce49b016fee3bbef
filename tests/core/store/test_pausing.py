"""`core.store.pausing`: a single job is paused and resumed, queued or running."""

from collections.abc import Callable
from typing import Any

import pytest

from core.errors import InvalidInput, NotFound
from core.records.jobs import ATTEMPTS
from core.store.jobs import list_jobs, paused_ids
from core.store.lifecycle import claim, commit_result, finish, is_pause_asked, report, requeue
from core.store.pausing import pause_jobs, resume_jobs
from core.store.queue_control import (
    JobUpdate,
    cancel,
    cancel_all,
    forget_ended,
    move_first,
    pause,
    resume,
    retry,
    update_job,
)
from tests.core.store.job_queue import LATER, Queue, attempt_of

Act = Callable[..., Any]


@pytest.mark.parametrize("kind", ["quantize", "convert", "distill", "benchmark"])
def test_a_paused_job_of_any_kind_is_not_started_until_it_is_resumed_and_keeps_its_place(
    queue: Queue, kind: str
) -> None:
    first, second = queue.add(kind), queue.add()
    assert pause_jobs(queue.db, [first]) == [first]
    assert (queue.job(first).state, queue.job(first).shown_state) == ("queued", "paused")
    assert queue.order() == [first, second]
    assert queue.started() == [second]
    assert resume_jobs(queue.db, [first]) == [first]
    assert (queue.job(first).shown_state, queue.job(first).paused_at) == ("queued", None)
    assert queue.started() == [first]
    assert queue.events(first) == [
        (0, "queued", None),
        (0, "paused", None),
        (0, "resumed", None),
        (1, "started", None),
    ]


def test_what_is_paused_or_resumed_twice_is_so_once(queue: Queue) -> None:
    job_id = queue.add()
    assert [act(queue.db, [job_id]) for act in (resume_jobs, pause_jobs, pause_jobs)] == [[], [job_id], []]
    at = queue.job(job_id).paused_at
    assert [act(queue.db, [job_id]) for act in (pause_jobs, resume_jobs, resume_jobs)] == [[], [job_id], []]
    assert at is not None
    assert [event for _, event, _ in queue.events(job_id)] == ["queued", "paused", "resumed"]


def test_a_running_distillation_is_asked_to_end_and_waits_at_its_place_without_using_up_an_attempt(
    queue: Queue,
) -> None:
    queue.add("distill")
    other = queue.add()
    job = queue.start()
    report(queue.db, *attempt_of(job), "training", 0.4)
    assert pause_jobs(queue.db, [1]) == [1]
    assert (queue.job(1).shown_state, queue.job(1).pausing, is_pause_asked(queue.db, 1)) == ("running", True, True)
    # It still reports.
    report(queue.db, *attempt_of(job), "training", 0.5)
    assert paused_ids(queue.db) == []
    assert requeue(queue.db, *attempt_of(job), "its progress is saved", counts=False) == "queued"
    paused = queue.job(1)
    assert (paused.shown_state, paused.progress, paused.stage, paused.last_attempt) == (
        "paused",
        0.5,
        None,
        ATTEMPTS + 1,
    )
    assert paused_ids(queue.db) == [1]
    assert queue.order() == [1, other]
    assert queue.started() == [other]
    resume_jobs(queue.db, [1])
    again = queue.start()
    assert (again.attempt, again.progress) == (2, None)
    assert queue.events(1)[2:] == [
        (1, "pause asked", None),
        (1, "paused", "its progress is saved"),
        (1, "resumed", None),
        (2, "started", None),
    ]


@pytest.mark.parametrize("pauses", [1, 5])
def test_however_often_a_distillation_is_paused_it_has_all_its_attempts(queue: Queue, pauses: int) -> None:
    queue.add("distill")
    for _ in range(pauses):
        job = queue.start()
        pause_jobs(queue.db, [1])
        # Also where the worker dies meanwhile, and the next one finds that.
        requeue(queue.db, *attempt_of(job), "its worker died")
        resume_jobs(queue.db, [1])
    states = [requeue(queue.db, *attempt_of(queue.start()), "its worker died") for _ in range(ATTEMPTS)]
    assert states == ["queued"] * (ATTEMPTS - 1) + ["failed"]


def test_a_distillation_that_is_resumed_before_it_has_ended_runs_on(queue: Queue) -> None:
    queue.add("distill")
    job = queue.start()
    pause_jobs(queue.db, [1])
    assert resume_jobs(queue.db, [1]) == [1]
    assert not is_pause_asked(queue.db, 1)
    assert finish(queue.db, *attempt_of(job), "succeeded")
    assert [event for _, event, _ in queue.events(1)[2:]] == ["pause asked", "resumed", "succeeded"]


def test_a_distillation_that_is_resumed_while_its_process_ends_is_queued_again(queue: Queue) -> None:
    queue.add("distill")
    job = queue.start()
    pause_jobs(queue.db, [1])
    resume_jobs(queue.db, [1])
    assert requeue(queue.db, *attempt_of(job), "it was paused", counts=False) == "queued"
    assert (queue.job(1).shown_state, queue.job(1).progress) == ("queued", None)
    assert queue.events(1)[-1] == (1, "requeued", "it was paused")
    assert queue.start().attempt == 2


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
def test_a_distillation_that_ends_before_it_is_paused_has_ended(queue: Queue, end: str) -> None:
    queue.add("distill")
    job = queue.start()
    pause_jobs(queue.db, [1])
    finish(queue.db, *attempt_of(job), end)
    assert (queue.job(1).shown_state, queue.job(1).paused_at) == (end, None)


def test_a_paused_distillation_whose_result_is_stored_has_succeeded(queue: Queue) -> None:
    queue.add("distill")
    job = queue.start()
    pause_jobs(queue.db, [1])
    commit_result(queue.db, *attempt_of(job), {"made": 1})
    assert requeue(queue.db, *attempt_of(job), "its worker died") == "succeeded"


@pytest.mark.parametrize("kind", ["quantize", "convert", "benchmark"])
def test_a_running_job_that_could_not_go_on_cannot_be_paused_and_no_other_is(queue: Queue, kind: str) -> None:
    queue.add(kind)
    queue.start()
    waiting = queue.add()
    before = list_jobs(queue.db)
    message = (
        rf"^job 1 is a running {kind}, which could not go on later: cancel it \(ttsdash jobs cancel 1\), "
        r"or pause the queue \(ttsdash jobs pause\)$"
    )
    with pytest.raises(InvalidInput, match=message):
        pause_jobs(queue.db, [waiting, 1])
    assert list_jobs(queue.db) == before


@pytest.mark.parametrize(
    ("state", "act", "message"),
    [
        ("succeeded", pause_jobs, "job 1 succeeded: nothing to pause"),
        ("failed", pause_jobs, "job 1 failed: nothing to pause"),
        ("cancelled", pause_jobs, "job 1 was cancelled: nothing to pause"),
        ("succeeded", resume_jobs, "job 1 succeeded: nothing to resume"),
        ("failed", resume_jobs, "job 1 failed: nothing to resume (retry it with `ttsdash jobs retry 1`)"),
        ("cancelled", resume_jobs, "job 1 was cancelled: nothing to resume (retry it with `ttsdash jobs retry 1`)"),
    ],
)
def test_what_has_ended_cannot_be_paused_or_resumed_and_no_other_is(
    queue: Queue, state: str, act: Act, message: str
) -> None:
    queue.add()
    queue.end(state)
    waiting = queue.add()
    if act is resume_jobs:
        pause_jobs(queue.db, [waiting])
    before = list_jobs(queue.db)
    with pytest.raises(InvalidInput) as refused:
        act(queue.db, [waiting, 1])
    assert str(refused.value) == message
    assert list_jobs(queue.db) == before
    with pytest.raises(NotFound, match="no job 7: list"):
        act(queue.db, [7])


def test_a_job_that_is_being_cancelled_cannot_be_paused(queue: Queue) -> None:
    queue.add("distill")
    queue.start()
    cancel(queue.db, 1)
    with pytest.raises(InvalidInput, match="job 1 is being cancelled: nothing to pause"):
        pause_jobs(queue.db, [1])


def test_a_job_that_is_being_paused_can_be_cancelled(queue: Queue) -> None:
    queue.add("distill")
    job = queue.start()
    pause_jobs(queue.db, [1])
    assert cancel(queue.db, 1) == "asked"
    assert requeue(queue.db, *attempt_of(job), "its worker died") == "cancelled"
    assert queue.job(1).paused_at is None


@pytest.mark.parametrize("cancelling", [lambda db: cancel(db, 1), cancel_all], ids=["one", "all"])
def test_a_paused_job_is_cancelled_at_once_and_runs_when_it_is_retried(queue: Queue, cancelling: Act) -> None:
    first = queue.add()
    second = queue.add(after=(first,))
    pause_jobs(queue.db, [first, second])
    cancelling(queue.db)
    assert queue.states() == ["cancelled", "cancelled"]
    assert [job.paused_at for job in list_jobs(queue.db)] == [None, None]
    retry(queue.db, first)
    assert queue.started() == [first]


def test_a_paused_job_cannot_be_retried_and_is_not_deleted(queue: Queue) -> None:
    job_id = queue.add()
    pause_jobs(queue.db, [job_id])
    with pytest.raises(InvalidInput, match="job 1 is paused: resume it with `ttsdash jobs resume 1`"):
        retry(queue.db, job_id)
    assert forget_ended(queue.db) == []


def test_what_waits_for_a_paused_job_waits_on(queue: Queue) -> None:
    first = queue.add()
    second = queue.add(after=(first,))
    pause_jobs(queue.db, [first])
    assert claim(queue.db) is None
    assert queue.job(second).waits_for == (first,)
    resume_jobs(queue.db, [first])
    assert [queue.end(), queue.end()] == [first, second]


def test_a_paused_job_is_moved_and_edited_like_any_queued_one_and_stays_paused(queue: Queue) -> None:
    for _ in range(3):
        queue.add()
    pause_jobs(queue.db, [3])
    move_first(queue.db, 3)
    update_job(queue.db, 3, JobUpdate(priority=5, not_before=LATER), "priority 5")
    update_job(queue.db, 3, JobUpdate(clear_not_before=True), "at once")
    assert (queue.order(), queue.job(3).shown_state) == ([3, 1, 2], "paused")
    assert queue.start().id == 1
    resume_jobs(queue.db, [3])
    assert queue.started() == [3, 2]


def test_a_resumed_job_still_waits_for_its_time(queue: Queue) -> None:
    queue.add(not_before=LATER)
    pause_jobs(queue.db, [1])
    resume_jobs(queue.db, [1])
    assert claim(queue.db) is None


def test_the_pauses_of_the_queue_and_of_a_job_are_independent(queue: Queue) -> None:
    first, second = queue.add(), queue.add()
    pause_jobs(queue.db, [first])
    pause(queue.db)
    assert resume_jobs(queue.db, [first]) == [first]
    assert claim(queue.db) is None
    pause_jobs(queue.db, [first])
    resume(queue.db)
    assert queue.started() == [second]


def test_jobs_are_listed_by_whether_they_are_paused(queue: Queue) -> None:
    for _ in range(4):
        queue.add("distill")
    queue.start()
    pause_jobs(queue.db, [1, 3])
    listed = {
        paused: [job.id for job in list_jobs(queue.db, ("queued", "running"), paused=paused)]
        for paused in (None, True, False)
    }
    # The one that runs has not been paused yet.
    assert listed == {None: [4, 3, 2, 1], True: [3, 1], False: [4, 2, 1]}
