"""`core.store.durations`: how long a job will take, from past runs."""

from typing import Any

import pytest

from core.store.durations import Estimate, estimate
from core.store.lifecycle import ResourceUsage, finish, requeue
from core.store.queue_control import cancel
from tests.core.store.job_queue import Queue
from tests.core.voice_files import voice_file
from tests.factories import add_voice

_SMALL = {"variant": "small"}


def _ran(queue: Queue, seconds: float | None, state: str = "succeeded", machine: str = "here", **fields: Any) -> None:
    """A job that was run, and took so long."""
    queue.add(**_SMALL | fields)
    queue.end(state, machine, ResourceUsage(seconds))


def _estimate(queue: Queue, **fields: Any) -> tuple[float, int] | None:
    """For such a job: the seconds, and from how many runs."""
    job_id = queue.add(**_SMALL | fields)
    found = estimate(queue.db, queue.job(job_id), "here")
    cancel(queue.db, job_id)
    return found and (found.seconds, found.runs)


def _measure(variants: int, threads: int) -> dict[str, Any]:
    """A benchmark of so many variants at so many numbers of threads."""
    params = {"variants": [str(number) for number in range(variants)], "threads": list(range(1, threads + 1))}
    return {"kind": "benchmark", "variant": None, "params": params}


def test_where_nothing_has_run_nothing_is_estimated(queue: Queue) -> None:
    assert _estimate(queue) is None
    assert _estimate(queue, **_measure(1, 1)) is None


@pytest.mark.parametrize(
    "other",
    [
        {"state": "failed"},
        {"state": "cancelled"},
        {"machine": "elsewhere"},
        {"kind": "convert"},
        {"variant": "other"},
        {"variant": None},
        {"seconds": None},
    ],
    ids=str,
)
def test_only_whole_runs_of_the_same_on_this_machine_count(queue: Queue, other: dict[str, Any]) -> None:
    _ran(queue, **{"seconds": 10.0} | other)
    assert _estimate(queue) is None
    _ran(queue, 30.0)
    _ran(queue, **{"seconds": 10.0} | other)
    assert _estimate(queue) == (30.0, 1)


def test_a_distillation_that_goes_on_is_not_estimated_and_counts_for_no_estimate(queue: Queue) -> None:
    queue.add("distill", **_SMALL)
    for reason in ("it was paused", "it was paused"):
        job = queue.start(machine="here")
        requeue(queue.db, job.id, job.attempt, reason, counts=False)
    job = queue.start(machine="here")
    finish(queue.db, job.id, job.attempt, "succeeded", usage=ResourceUsage(5.0))
    assert _estimate(queue, kind="distill") is None
    _ran(queue, 3600.0, kind="distill")
    assert _estimate(queue, kind="distill") == (3600.0, 1)
    begun = queue.add("distill", **_SMALL)
    assert estimate(queue.db, queue.start(), "here") == Estimate(3600.0, 1)
    requeue(queue.db, begun, 1, "it was paused", counts=False)
    assert estimate(queue.db, queue.job(begun), "here") is None
    assert estimate(queue.db, queue.start(), "here") is None


def test_a_job_that_runs_does_not_count_for_itself(queue: Queue) -> None:
    queue.add()
    assert estimate(queue.db, queue.start(machine="here"), "here") is None


@pytest.mark.parametrize(("seconds", "median"), [([5.0], 5.0), ([1.0, 100.0, 3.0], 3.0), ([1.0, 2.0, 4.0, 100.0], 3.0)])
def test_the_estimate_is_the_median_of_past_runs(queue: Queue, seconds: list[float], median: float) -> None:
    for entry in seconds:
        _ran(queue, entry)
    assert _estimate(queue) == (median, len(seconds))


def test_only_the_latest_runs_count(queue: Queue) -> None:
    for number in range(25):
        _ran(queue, 1.0 if number < 12 else 2.0)
    assert _estimate(queue) == (2.0, 20)


def test_runs_on_the_same_voice_come_before_those_on_others_however_old(queue: Queue) -> None:
    joe = add_voice(queue.db, voice_file("/voices/joe.onnx", "b" * 64)).id
    for _ in range(2):
        _ran(queue, 60.0, voice_id=joe)
    assert _estimate(queue) == (60.0, 2)
    _ran(queue, 10.0)
    for _ in range(25):
        _ran(queue, 60.0, voice_id=joe)
    assert _estimate(queue) == (10.0, 1)
    assert _estimate(queue, voice_id=joe) == (60.0, 20)


@pytest.mark.parametrize(
    ("ran", "seconds", "asked", "expected"),
    [
        (_measure(1, 1), 10.0, _measure(1, 1), 10.0),
        # The original is measured, too.
        (_measure(1, 1), 10.0, _measure(3, 1), 20.0),
        (_measure(3, 2), 80.0, _measure(1, 1), 20.0),
        # Without threads they are one and all.
        (_measure(1, 0), 10.0, _measure(1, 1), 5.0),
        (_measure(0, 0), 10.0, _measure(0, 0), 10.0),
    ],
)
def test_a_benchmark_is_estimated_by_how_much_it_measures(
    queue: Queue, ran: dict[str, Any], seconds: float, asked: dict[str, Any], expected: float
) -> None:
    _ran(queue, seconds, **ran)
    assert _estimate(queue, **asked) == (expected, 1)


def test_benchmarks_of_different_size_are_brought_to_one_measure(queue: Queue) -> None:
    _ran(queue, 10.0, **_measure(1, 1))
    _ran(queue, 30.0, **_measure(2, 1))
    _ran(queue, 200.0, **_measure(4, 1))
    assert _estimate(queue, **_measure(0, 1)) == (10.0, 3)


@pytest.mark.parametrize(
    ("seconds", "runs", "message"),
    [
        (0.4, 1, "about 0 s, from 1 past run here"),
        (45.0, 1, "about 45 s, from 1 past run here"),
        (200.0, 3, "about 3 min 20 s, from 3 past runs here"),
        (7500.0, 20, "about 2 h 5 min, from 20 past runs here"),
    ],
)
def test_an_estimate_reports_what_it_comes_from(seconds: float, runs: int, message: str) -> None:
    assert str(Estimate(seconds, runs)) == message


@pytest.mark.parametrize(
    ("elapsed", "message"),
    [
        (0.0, "about 1 min 40 s left"),
        (70.0, "about 30 s left"),
        (100.0, "longer than the 1 min 40 s of past runs"),
        (5000.0, "longer than the 1 min 40 s of past runs"),
    ],
)
def test_what_is_left_is_never_less_than_nothing(elapsed: float, message: str) -> None:
    assert Estimate(100.0, 3).remaining(elapsed) == message
