"""`core.records.resources`: whether a job may start beside those that run."""

import pytest

from core.records.resources import DEFAULT_RESOURCES, UNLIMITED, Capacity, Resources, blocked_reason

_FOUR = Capacity(slots=3, cores=4, memory_mb=1000)
_ALONE = Resources(exclusive=True)


@pytest.mark.parametrize(
    ("need", "running", "reason"),
    [
        (DEFAULT_RESOURCES, [], None),
        (DEFAULT_RESOURCES, [DEFAULT_RESOURCES, DEFAULT_RESOURCES], None),
        (DEFAULT_RESOURCES, [DEFAULT_RESOURCES] * 3, "all slots are busy"),
        (_ALONE, [], None),
        (_ALONE, [DEFAULT_RESOURCES], "it runs alone, once the others have ended"),
        (_ALONE, [_ALONE], "it runs alone, once the others have ended"),
        (DEFAULT_RESOURCES, [_ALONE], "another runs alone"),
        (Resources(cores=2), [Resources(cores=2)], None),
        (Resources(cores=3), [Resources(cores=2)], "it needs 3 cores, 2 free"),
        (Resources(cores=1), [Resources(cores=2), Resources(cores=2)], "it needs 1 core, 0 free"),
        # What was started alone since it needs more than there is leaves nothing, and not less.
        (Resources(cores=1), [Resources(cores=9)], "it needs 1 core, 0 free"),
        (Resources(memory_mb=400), [Resources(memory_mb=600)], None),
        (Resources(memory_mb=401), [Resources(memory_mb=600)], "it needs 401 MB of memory, 400 free"),
        (
            Resources(memory_mb=401),
            [Resources(memory_mb=300), Resources(memory_mb=300)],
            "it needs 401 MB of memory, 400 free",
        ),
        (Resources(memory_mb=1), [Resources(memory_mb=1500)], "it needs 1 MB of memory, 0 free"),
        (Resources(cores=0, memory_mb=0), [Resources(cores=4, memory_mb=1000)], None),
        # Where nothing runs everything starts: it would never start otherwise.
        (Resources(cores=64, memory_mb=64_000), [], None),
        (Resources(cores=64), [Resources(cores=1)], "it needs 64 cores, 3 free"),
    ],
)
def test_a_job_starts_unless_something_is_in_its_way(
    need: Resources, running: list[Resources], reason: str | None
) -> None:
    assert blocked_reason(need, running, _FOUR) == reason


def test_without_a_limit_only_what_runs_alone_is_in_the_way() -> None:
    many = [Resources(cores=64, memory_mb=64_000)] * 100
    assert blocked_reason(many[0], many, UNLIMITED) is None
    assert blocked_reason(_ALONE, many, UNLIMITED)
    assert blocked_reason(DEFAULT_RESOURCES, [*many, _ALONE], UNLIMITED)


def test_a_worker_with_one_slot_runs_one_job() -> None:
    one = Capacity(slots=1, cores=8, memory_mb=8000)
    assert blocked_reason(DEFAULT_RESOURCES, [], one) is None
    assert blocked_reason(DEFAULT_RESOURCES, [DEFAULT_RESOURCES], one) == "all slots are busy"
