"""`core.store.jobs`: how jobs get into the table, and how they are read."""

import json
import sqlite3

import pytest

from core.clock import now
from core.errors import InvalidInput, NotFound
from core.records.job_states import ENDED, OPEN, UNSUCCESSFUL, JobState
from core.records.jobs import ATTEMPTS, NO_LIMITS, Limits, NewJob
from core.records.resources import DEFAULT_RESOURCES, Resources
from core.report.job_json import job_json
from core.store.database import transaction
from core.store.jobs import add_job, count_jobs, get_job, list_jobs, list_queued, open_ids
from core.store.lifecycle import ResourceUsage, commit_result, finish
from core.store.queue_control import cancel, move_first, move_last
from tests.core.store.job_queue import LATER, Queue, attempt_of


def test_a_job_is_kept_as_it_was_asked_for(queue: Queue) -> None:
    need, limits = Resources(cores=4, memory_mb=800, exclusive=True), Limits(seconds=3600, memory_mb=2000)
    moment = now()
    job = queue.job(
        queue.add("benchmark", "small", {"threads": [1, 2]}, resources=need, limits=limits, not_before=moment)
    )
    assert (job.kind, job.voice_id, job.voice, job.variant) == ("benchmark", queue.voice.id, "amy", "small")
    assert (job.params, job.resources, job.limits, job.not_before) == ({"threads": [1, 2]}, need, limits, moment)
    assert queue.job(queue.add(priority=3)).priority == 3


def test_a_job_of_which_nothing_is_said_is_ordinary(queue: Queue) -> None:
    job = queue.job(queue.add())
    assert (job.state, job.attempt, job.last_attempt, job.ended) == ("queued", 0, ATTEMPTS, False)
    assert (job.resources, job.limits, job.priority, job.after, job.waits_for) == (
        DEFAULT_RESOURCES,
        NO_LIMITS,
        0,
        (),
        (),
    )
    assert (job.not_before, job.stage, job.progress, job.started_at, job.finished_at) == (None,) * 5
    assert (job.error, job.result, job.machine_id, job.seconds, job.cancel_asked) == (None, None, None, None, False)
    assert queue.events(job.id) == [(0, "queued", None)]


def test_jobs_are_listed_newest_first_and_by_state(queue: Queue) -> None:
    ids = [queue.add() for _ in range(4)]
    queue.end("failed")
    assert [job.id for job in list_jobs(queue.db)] == ids[::-1]
    assert [job.id for job in list_jobs(queue.db, limit=2)] == ids[:-3:-1]
    assert [job.id for job in list_jobs(queue.db, states=("failed",))] == ids[:1]
    assert [job.id for job in list_jobs(queue.db, states=("failed", "queued"))] == ids[::-1]
    assert [job.id for job in list_jobs(queue.db, states=("failed", "queued"), limit=3)] == ids[:0:-1]
    assert [job.id for job in list_jobs(queue.db, states=OPEN)] == ids[:0:-1]


def test_jobs_that_wait_are_listed_in_the_order_of_the_queue(queue: Queue) -> None:
    low, first, second, high = (queue.add(priority=priority) for priority in (-1, 0, 0, 5))
    assert queue.order() == [high, first, second, low]
    assert [job.id for job in list_queued(queue.db, limit=2)] == [high, first]
    queue.start()
    assert queue.order() == [first, second, low]


def test_jobs_are_counted_by_state(queue: Queue) -> None:
    assert count_jobs(queue.db) == {}
    ids = [queue.add() for _ in range(5)]
    queue.end("failed")
    queue.start()
    cancel(queue.db, ids[4])
    assert count_jobs(queue.db) == {"failed": 1, "running": 1, "queued": 2, "cancelled": 1}
    assert open_ids(queue.db) == ids[1:4]


@pytest.mark.parametrize("job_id", [7, 0, -1, 2**63 - 1, 2**63, 10**30])
def test_a_job_that_is_not_there_is_not_found(queue: Queue, job_id: int) -> None:
    queue.add()
    with pytest.raises(NotFound, match=f"no job {job_id}: list them with"):
        get_job(queue.db, job_id)
    with pytest.raises(NotFound, match=f"no job {job_id}: list"):
        queue.add(after=(1, job_id))
    assert open_ids(queue.db) == [1]


def test_a_job_knows_what_it_comes_after_and_what_of_it_is_still_to_come(queue: Queue) -> None:
    first, second = queue.add(), queue.add()
    last = queue.add(after=(second, first, second))
    waits_for = [queue.job(last).waits_for]
    queue.start()
    waits_for.append(queue.job(last).waits_for)
    finish(queue.db, first, 1, "succeeded")
    waits_for.append(queue.job(last).waits_for)
    assert waits_for == [(first, second), (first, second), (second,)]
    assert queue.job(last).after == (first, second)


def test_a_job_may_come_after_one_that_has_succeeded(queue: Queue) -> None:
    first = queue.add()
    queue.end()
    second = queue.add(after=(first,))
    assert (queue.job(second).after, queue.job(second).waits_for) == ((first,), ())
    assert queue.started() == [second]


@pytest.mark.parametrize(("state", "word"), [("failed", "failed"), ("cancelled", "was cancelled")])
def test_nothing_can_be_queued_after_a_job_that_did_not_succeed(queue: Queue, state: str, word: str) -> None:
    first = queue.add()
    queue.end(state)
    with pytest.raises(InvalidInput, match=rf"job {first} {word}: no job can wait for it \(retry it first\)"):
        queue.add(after=(first,))
    assert queue.states() == [state]


def test_a_new_job_stands_behind_all_that_wait_with_its_priority(queue: Queue) -> None:
    first, second = queue.add(), queue.add()
    for _ in range(3):
        move_last(queue.db, first)
        move_last(queue.db, second)
    third = queue.add()
    move_first(queue.db, third)
    fourth, high = queue.add(), queue.add(priority=1)
    assert queue.order() == [high, third, first, second, fourth]


def test_the_number_of_a_job_never_comes_again(queue: Queue) -> None:
    queue.add()
    with pytest.raises(KeyboardInterrupt), transaction(queue.db):
        add_job(queue.db, NewJob("quantize", queue.voice.id, "small", {}))
        raise KeyboardInterrupt
    assert queue.states() == ["queued"]
    with transaction(queue.db):
        queue.db.execute("DELETE FROM job_events")
        queue.db.execute("DELETE FROM jobs")
    assert queue.add() == 2


def test_a_job_is_reported_to_scripts_with_everything_that_they_may_count_on(queue: Queue) -> None:
    first = queue.add(variant="small", resources=Resources(2, 800), limits=Limits(3600, 2000))
    second = queue.add(after=(first,), not_before=LATER)
    job = queue.start(machine="m")
    commit_result(queue.db, *attempt_of(job), {"made": 1})
    finish(queue.db, *attempt_of(job), "succeeded", usage=ResourceUsage(2.5, 1.5, 300.0))
    shape = json.loads(json.dumps(job_json(queue.job(first))))
    assert (shape.pop("created_at"), shape.pop("started_at"), shape.pop("finished_at")) == (
        queue.job(first).created_at,
        queue.job(first).started_at,
        queue.job(first).finished_at,
    )
    assert shape == {
        "id": 1,
        "kind": "quantize",
        "voice": "amy",
        "variant": "small",
        "params": {},
        "state": "succeeded",
        "stage": None,
        "progress": 1.0,
        "attempt": 1,
        "priority": 0,
        "after": [],
        "waits_for": [],
        "not_before": None,
        "paused_at": None,
        "error": None,
        "result": {"made": 1},
        "cores": 2,
        "memory_mb": 800,
        "exclusive": False,
        "time_limit_s": 3600,
        "memory_limit_mb": 2000,
        "cpu_percent": None,
        "rss_mb": None,
        "seconds": 2.5,
        "cpu_seconds": 1.5,
        "peak_mb": 300.0,
    }
    waiting = job_json(queue.job(second))
    assert (waiting["after"], waiting["waits_for"], waiting["not_before"]) == ([first], [], LATER)


@pytest.mark.parametrize("state", ENDED)
def test_a_job_that_has_ended_is_reported(queue: Queue, state: str) -> None:
    queue.add()
    queue.end(state)
    assert queue.job(1).ended
    assert open_ids(queue.db) == []


def test_each_state_is_either_open_or_ended_and_the_store_knows_no_other(db: sqlite3.Connection) -> None:
    assert sorted([*OPEN, *ENDED]) == sorted(JobState)
    assert set(UNSUCCESSFUL) == {*ENDED} - {JobState.SUCCEEDED}
    table = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'jobs'").fetchone()[0]
    states = ", ".join(f"'{state}'" for state in JobState)
    assert f"CHECK (state IN ({states}))" in table
