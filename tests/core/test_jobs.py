"""`core.store.jobs`: every change of a job's state, one at a time."""

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.clock import now, stamp
from core.errors import BadInput, NotFound
from core.store.database import transaction
from core.store.jobs import (
    ATTEMPTS,
    Job,
    NewJob,
    Superseded,
    add_job,
    cancel,
    claim,
    finish,
    get_job,
    hand_in,
    hand_in_error,
    is_cancel_asked,
    list_events,
    list_jobs,
    note_process,
    put_back,
    report,
    retry,
    waiting_reason,
)
from core.store.voices import Voice


class Queue:
    """A job table with one voice, and short words for what the tests do to it."""

    def __init__(self, db: sqlite3.Connection, voice: Voice) -> None:
        self.db, self.voice = db, voice

    def add(self, **wishes: Any) -> int:
        with transaction(self.db):
            return add_job(self.db, NewJob("quantize", self.voice.id, "small", {}, **wishes))

    def start(self) -> Job:
        job = claim(self.db)
        assert job is not None
        return job

    def end(self, state: str = "succeeded") -> int:
        """Start the next job and end it."""
        job = self.start()
        assert finish(self.db, job.id, job.attempt, state, "it broke" if state == "failed" else None)
        return job.id

    def started(self) -> list[int]:
        """Start whatever can be started. Returns the ids."""
        ids = []
        while job := claim(self.db):
            ids.append(job.id)
        return ids

    def states(self) -> list[str]:
        """By id."""
        return [job.state for job in reversed(list_jobs(self.db))]


def _running(job: Job) -> tuple[int, int]:
    """What names one attempt at a job."""
    return job.id, job.attempt


@pytest.fixture
def queue(db: sqlite3.Connection, stored: Voice) -> Queue:
    return Queue(db, stored)


def test_a_job_is_kept_as_it_was_asked_for(queue: Queue) -> None:
    wanted = NewJob("benchmark", queue.voice.id, "small", {"threads": [1, 2]}, alone=True, priority=3, not_before=now())
    with transaction(queue.db):
        job = get_job(queue.db, add_job(queue.db, wanted))
    assert (job.kind, job.voice_id, job.voice, job.variant) == ("benchmark", queue.voice.id, "amy", "small")
    assert (job.params, job.priority, job.not_before) == ({"threads": [1, 2]}, 3, wanted.not_before)
    assert (job.state, job.attempt, job.last_attempt, job.ended) == ("queued", 0, ATTEMPTS, False)
    assert (job.stage, job.progress, job.started_at, job.error, job.result) == (None,) * 5


def test_jobs_are_listed_newest_first_and_by_state(queue: Queue) -> None:
    ids = [queue.add() for _ in range(4)]
    queue.end("failed")
    assert [job.id for job in list_jobs(queue.db)] == ids[::-1]
    assert [job.id for job in list_jobs(queue.db, limit=2)] == ids[:-3:-1]
    assert [job.id for job in list_jobs(queue.db, states=("failed",))] == ids[:1]
    assert [job.id for job in list_jobs(queue.db, states=("failed", "queued"))] == ids[::-1]


def test_a_job_that_is_not_there_is_not_found(queue: Queue) -> None:
    for function in (get_job, cancel, retry):
        with pytest.raises(NotFound, match="no job 7"):
            function(queue.db, 7)


def test_an_empty_queue_gives_nothing(queue: Queue) -> None:
    assert claim(queue.db) is None


def test_a_claimed_job_runs_its_first_attempt(queue: Queue) -> None:
    job_id = queue.add()
    job = queue.start()
    assert (job.id, job.state, job.attempt, job.stage, job.progress) == (job_id, "running", 1, "starting", None)
    assert job.started_at == job.heartbeat_at
    assert claim(queue.db) is None


def test_jobs_are_claimed_by_priority_then_by_age(queue: Queue) -> None:
    low, first, second, high = (queue.add(priority=priority) for priority in (-1, 0, 0, 5))
    assert queue.started() == [high, first, second, low]


def test_a_job_waits_for_all_that_it_comes_after(queue: Queue) -> None:
    first, second = queue.add(), queue.add()
    last = queue.add(after=(first, second), priority=9)
    assert get_job(queue.db, last).after == (first, second)
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
    assert get_job(queue.db, waiting).state == "cancelled"


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_nothing_can_be_queued_after_a_job_that_did_not_succeed(queue: Queue, state: str) -> None:
    first = queue.add()
    queue.end(state)
    with pytest.raises(BadInput, match="nothing can wait for it; retry it first"):
        queue.add(after=(first,))


def test_a_retry_leaves_alone_what_waits_for_a_job_that_was_cancelled_by_hand(queue: Queue) -> None:
    first = queue.add()
    second = queue.add(after=(first,))
    third = queue.add(after=(second,))
    cancel(queue.db, second)
    queue.end("failed")
    assert retry(queue.db, first) == [first]
    assert get_job(queue.db, third).state == "cancelled"


def test_a_retry_leaves_alone_what_waits_for_another_job_that_failed(queue: Queue) -> None:
    first, second = queue.add(), queue.add()
    both = queue.add(after=(first, second))
    queue.end("failed")
    queue.end("failed")
    assert retry(queue.db, first) == [first]
    assert retry(queue.db, second) == [second, both]


def test_a_cancel_that_comes_after_the_worker_looked_is_honoured_when_the_job_is_put_back(queue: Queue) -> None:
    job_id = queue.add()
    job = queue.start()
    cancel(queue.db, job_id)
    assert put_back(queue.db, *_running(job), "its worker died") == "cancelled"


def test_a_job_that_had_handed_in_its_result_when_it_was_interrupted_has_succeeded(queue: Queue) -> None:
    queue.add()
    job = queue.start()
    hand_in(queue.db, job.id, job.attempt, {"made": 1})
    cancel(queue.db, job.id)
    assert put_back(queue.db, *_running(job), "its worker died") == "succeeded"
    assert get_job(queue.db, job.id).result == {"made": 1}


def test_putting_back_a_job_that_has_ended_changes_nothing(queue: Queue) -> None:
    queue.add()
    job = queue.start()
    finish(queue.db, job.id, job.attempt, "succeeded")
    assert put_back(queue.db, *_running(job), "its worker died") == "succeeded"


def test_a_job_waits_for_its_time(queue: Queue) -> None:
    here = datetime.now(UTC)
    later = queue.add(not_before=stamp(here + timedelta(hours=1)), priority=9)
    past = queue.add(not_before=stamp(here - timedelta(seconds=1)))
    assert queue.started() == [past]
    assert get_job(queue.db, later).state == "queued"


def test_a_job_that_must_be_alone_waits_for_the_others_and_holds_back_those_behind_it(queue: Queue) -> None:
    running, alone, behind = queue.add(), queue.add(alone=True), queue.add()
    queue.start()
    assert claim(queue.db) is None
    finish(queue.db, running, 1, "succeeded")
    assert queue.start().id == alone
    assert claim(queue.db) is None
    finish(queue.db, alone, 1, "succeeded")
    assert queue.start().id == behind


def test_nothing_starts_beside_a_job_that_runs_alone_whatever_its_priority(queue: Queue) -> None:
    alone = queue.add(alone=True)
    queue.start()
    queue.add(priority=99)
    queue.add(alone=True, priority=99)
    assert claim(queue.db) is None
    finish(queue.db, alone, 1, "failed")
    assert queue.start().priority == 99


def test_a_job_alone_that_cannot_start_yet_holds_nobody_back(queue: Queue) -> None:
    first = queue.add()
    queue.add(alone=True, after=(first,), priority=9)
    queue.add(alone=True, not_before="9999-01-01T00:00:00.000Z", priority=9)
    other = queue.add()
    assert queue.started() == [first, other]


def test_a_running_job_says_where_it_is(queue: Queue) -> None:
    queue.add()
    job = queue.start()
    note_process(queue.db, job, 4711, 12.5)
    report(queue.db, job.id, 1, "pair 3 of 10", 0.3)
    job = get_job(queue.db, job.id)
    assert (job.process_group, job.group_started, job.stage, job.progress) == (4711, 12.5, "pair 3 of 10", 0.3)
    assert job.started_at is not None
    assert job.heartbeat_at is not None
    assert job.heartbeat_at >= job.started_at


def test_a_job_that_succeeded_keeps_its_result(queue: Queue) -> None:
    queue.add()
    job = queue.start()
    hand_in(queue.db, job.id, 1, {"benchmark": "b"})
    assert finish(queue.db, job.id, 1, "succeeded")
    job = get_job(queue.db, job.id)
    assert (job.state, job.result, job.stage, job.process_group) == ("succeeded", {"benchmark": "b"}, None, None)
    assert job.ended


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_did_not_succeed_has_no_result(queue: Queue, state: str) -> None:
    queue.add()
    hand_in(queue.db, queue.start().id, 1, {"benchmark": "b"})
    finish(queue.db, 1, 1, state, "it broke")
    assert (get_job(queue.db, 1).result, get_job(queue.db, 1).error) == (None, "it broke")


def _each_write(db: sqlite3.Connection, job: Job) -> list[Any]:
    return [
        lambda: note_process(db, job, 1, 1.0),
        lambda: report(db, job.id, job.attempt, "stage", 0.5),
        lambda: hand_in(db, job.id, job.attempt, {}),
        lambda: hand_in_error(db, job.id, job.attempt, "line"),
    ]


def test_an_attempt_that_was_superseded_writes_nothing(queue: Queue) -> None:
    queue.add()
    old = queue.start()
    put_back(queue.db, old.id, old.attempt, "its worker died")
    new = queue.start()
    assert (old.attempt, new.attempt) == (1, 2)
    for write in _each_write(queue.db, old):
        with pytest.raises(Superseded):
            write()
    assert not finish(queue.db, old.id, old.attempt, "failed", "late")
    put_back(queue.db, old.id, old.attempt, "late")
    assert get_job(queue.db, new.id) == new


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_nothing_is_written_to_a_job_that_has_ended(queue: Queue, state: str) -> None:
    queue.add()
    job = queue.start()
    finish(queue.db, job.id, 1, state)
    ended = get_job(queue.db, job.id)
    for write in _each_write(queue.db, job):
        with pytest.raises(Superseded):
            write()
    assert not finish(queue.db, job.id, 1, "succeeded")
    put_back(queue.db, job.id, job.attempt, "late")
    assert get_job(queue.db, job.id) == ended


def test_a_queued_job_is_cancelled_at_once(queue: Queue) -> None:
    job_id = queue.add()
    assert cancel(queue.db, job_id) == "cancelled"
    job = get_job(queue.db, job_id)
    assert (job.state, job.error) == ("cancelled", None)
    assert job.finished_at is not None
    assert claim(queue.db) is None


def test_a_running_job_is_asked_to_end_and_may_write_nothing_more(queue: Queue) -> None:
    queue.add()
    job = queue.start()
    assert cancel(queue.db, job.id) == "asked"
    assert get_job(queue.db, job.id).state == "running"
    assert is_cancel_asked(queue.db, job.id)
    by_the_worker, *by_the_child = _each_write(queue.db, job)
    for write in by_the_child:
        with pytest.raises(Superseded):
            write()
    # The worker has yet to end the process, and must know where it is.
    by_the_worker()
    assert get_job(queue.db, job.id).process_group == 1
    assert finish(queue.db, job.id, 1, "cancelled")
    assert get_job(queue.db, job.id).state == "cancelled"


@pytest.mark.parametrize(
    ("state", "says"),
    [("succeeded", "job 1 succeeded"), ("failed", "job 1 failed"), ("cancelled", "job 1 was cancelled")],
)
def test_a_job_that_has_ended_cannot_be_cancelled(queue: Queue, state: str, says: str) -> None:
    queue.add()
    queue.end(state)
    with pytest.raises(BadInput, match=says):
        cancel(queue.db, 1)
    assert not is_cancel_asked(queue.db, 1)


@pytest.mark.parametrize(("state", "word"), [("failed", "failed"), ("cancelled", "was cancelled")])
def test_what_waits_for_a_job_in_vain_is_cancelled_with_the_reason(queue: Queue, state: str, word: str) -> None:
    first = queue.add()
    second = queue.add(after=(first,))
    third = queue.add(after=(second,))
    other = queue.add()
    queue.end(state)
    assert queue.states() == [state, "cancelled", "cancelled", "queued"]
    reasons = {get_job(queue.db, job_id).error for job_id in (second, third)}
    assert reasons == {f"job {first}, which it waits for, {word}"}
    assert queue.started() == [other]


def test_what_waits_for_a_queued_job_is_cancelled_with_it(queue: Queue) -> None:
    first = queue.add()
    queue.add(after=(first,))
    cancel(queue.db, first)
    assert queue.states() == ["cancelled", "cancelled"]
    assert "was cancelled" in (get_job(queue.db, 2).error or "")


def test_a_retry_revives_what_was_cancelled_for_that_reason(queue: Queue) -> None:
    first = queue.add()
    second = queue.add(after=(first,))
    third = queue.add(after=(second,))
    queue.end("failed")
    assert retry(queue.db, first) == [first, second, third]
    assert queue.states() == ["queued"] * 3
    assert {get_job(queue.db, job_id).error for job_id in (first, second, third)} == {None}
    assert [queue.end() for _ in range(3)] == [first, second, third]


def test_a_retry_leaves_what_was_cancelled_by_hand(queue: Queue) -> None:
    first = queue.add()
    unwanted, wanted = queue.add(after=(first,)), queue.add(after=(first,))
    cancel(queue.db, unwanted)
    queue.end("failed")
    assert retry(queue.db, first) == [first, wanted]
    assert queue.states() == ["queued", "cancelled", "queued"]


def test_a_retry_has_all_attempts_again_and_its_number_goes_on(queue: Queue) -> None:
    queue.add()
    for _ in range(ATTEMPTS):
        put_back(queue.db, *_running(queue.start()), "its worker died")
    assert get_job(queue.db, 1).state == "failed"
    retry(queue.db, 1)
    states = [put_back(queue.db, *_running(queue.start()), "its worker died") for _ in range(ATTEMPTS)]
    assert states == ["queued"] * (ATTEMPTS - 1) + ["failed"]
    assert get_job(queue.db, 1).attempt == 2 * ATTEMPTS


def test_a_retried_job_starts_with_a_clean_row(queue: Queue) -> None:
    queue.add()
    job = queue.start()
    report(queue.db, job.id, 1, "halfway", 0.5)
    cancel(queue.db, job.id)
    finish(queue.db, job.id, 1, "cancelled")
    retry(queue.db, job.id)
    job = get_job(queue.db, job.id)
    assert (job.state, job.cancel_asked, job.stage, job.progress) == ("queued", False, None, None)
    assert (job.started_at, job.finished_at, job.error, job.result) == (None,) * 4
    job = queue.start()
    report(queue.db, job.id, 2, "again", 0.1)


@pytest.mark.parametrize("state", ["queued", "running", "succeeded"])
def test_only_a_failed_or_cancelled_job_can_be_tried_again(queue: Queue, state: str) -> None:
    queue.add()
    if state != "queued":
        queue.start()
    if state == "succeeded":
        finish(queue.db, 1, 1, state)
    with pytest.raises(BadInput, match=f"job 1 is {state}"):
        retry(queue.db, 1)


def test_a_job_is_not_tried_again_before_the_one_it_waits_for(queue: Queue) -> None:
    first = queue.add()
    second = queue.add(after=(first,))
    queue.end("failed")
    with pytest.raises(BadInput, match=f"waits for job {first}"):
        retry(queue.db, second)


def test_an_interrupted_job_is_queued_again_until_its_attempts_are_spent(queue: Queue) -> None:
    queue.add()
    queue.add(after=(1,))
    assert [put_back(queue.db, *_running(queue.start()), "its worker died") for _ in range(3)] == [
        "queued",
        "queued",
        "failed",
    ]
    job = get_job(queue.db, 1)
    assert (job.state, job.attempt) == ("failed", 3)
    assert job.error == "given up after 3 attempts: its worker died; see its log"
    assert get_job(queue.db, 2).state == "cancelled"


def test_an_interruption_that_was_asked_for_costs_no_attempt(queue: Queue) -> None:
    queue.add()
    assert {put_back(queue.db, *_running(queue.start()), "stopped", counts=False) for _ in range(10)} == {"queued"}
    states = [put_back(queue.db, *_running(queue.start()), "its worker died") for _ in range(3)]
    assert states == ["queued", "queued", "failed"]
    assert get_job(queue.db, 1).attempt == 13


@pytest.mark.parametrize("counts", [True, False])
def test_an_interrupted_job_that_was_to_be_cancelled_is(queue: Queue, counts: bool) -> None:
    queue.add()
    queue.add(after=(1,))
    cancel(queue.db, queue.start().id)
    assert put_back(queue.db, *_running(get_job(queue.db, 1)), "its worker died", counts) == "cancelled"
    assert queue.states() == ["cancelled", "cancelled"]


def test_a_job_that_was_put_back_says_nothing_of_the_attempt_before(queue: Queue) -> None:
    queue.add()
    job = queue.start()
    note_process(queue.db, job, 4711, 12.5)
    report(queue.db, job.id, 1, "halfway", 0.5)
    put_back(queue.db, job.id, job.attempt, "its worker died")
    job = get_job(queue.db, job.id)
    assert (job.state, job.stage, job.progress, job.process_group) == ("queued", None, None, None)


def test_each_change_is_an_event(queue: Queue) -> None:
    queue.add()
    put_back(queue.db, *_running(queue.start()), "its worker died")
    cancel(queue.db, queue.start().id)
    finish(queue.db, 1, 2, "cancelled")
    retry(queue.db, 1)
    queue.end("failed")
    assert [(event.attempt, event.event, event.detail) for event in list_events(queue.db, 1)] == [
        (0, "queued", None),
        (1, "started", None),
        (1, "requeued", "its worker died"),
        (2, "started", None),
        (2, "cancel asked", None),
        (2, "cancelled", None),
        (2, "queued", "tried again"),
        (3, "started", None),
        (3, "failed", "it broke"),
    ]


def test_why_a_job_waits_is_said(queue: Queue) -> None:
    later = "9999-01-01T00:00:00.000Z"
    first, second, timed = queue.add(), queue.add(), queue.add(not_before=later)
    last = queue.add(after=(first, second))

    def reason(job_id: int) -> str | None:
        return waiting_reason(get_job(queue.db, job_id), list_jobs(queue.db))

    assert reason(last) == f"after {first}, {second}"
    queue.end()
    assert [reason(job_id) for job_id in (second, timed, last)] == [None, f"not before {later}", f"after {second}"]
