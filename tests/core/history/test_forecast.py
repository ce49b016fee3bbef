"""What past results say of a variant before it is made again."""

from dataclasses import replace

import pytest

from core.history.forecast import forecast
from core.records.results import Result
from tests.factories import make_variant_result

HERE = "this machine"


def past(speedup: float, grade: str | None = "slight", run: str = "a", **more: object) -> Result:
    values = {"machine": HERE, "recipe": "static", "variant": "static-int8", "threads": 2, "stock": True} | more
    return make_variant_result(speedup=speedup, grade=grade, benchmark_id=run, **values)


def said(*results: Result) -> str | None:
    expected = forecast(results, HERE, "static", "static-int8")
    return str(expected) if expected else None


def test_a_forecast_is_the_median_of_past_runs() -> None:
    runs = [past(1.0, "broken", "a"), past(1.2, "broken", "b"), past(1.1, "slight", "c")]
    assert said(*runs) == "1.1x, sound broken, from 3 past runs here"


def test_of_one_run_the_most_threads_count() -> None:
    assert said(past(1.9, threads=1), past(1.4, threads=2)) == "1.4x, sound slight, from 1 past run here"


@pytest.mark.parametrize(
    "other",
    [
        {"machine": "another"},
        {"variant": "static-int8+clip=max"},
        {"recipe": "guide"},
        {"stock": False},
        {"speedup": None},
    ],
)
def test_runs_on_other_machines_or_of_other_recipes_do_not_count(other: dict[str, object]) -> None:
    assert said(replace(past(2.0), **other)) is None  # type: ignore[arg-type]


def test_without_a_past_nothing_is_said() -> None:
    assert said() is None


def test_a_run_without_a_grade_still_counts_for_the_speed() -> None:
    assert said(past(1.5, None)) == "1.5x, from 1 past run here"


def test_the_size_is_forecast_as_a_share_of_the_original() -> None:
    runs = [past(1.2, run=run, size_bytes=size) for run, size in (("a", 30), ("b", 40), ("c", 50))]
    originals = [
        make_variant_result(variant="original", recipe=None, benchmark_id=run, size_bytes=100)
        for run in ("a", "b", "c")
    ]
    expected = forecast([*runs, *originals], HERE, "static", "static-int8")
    assert expected
    assert expected.of(60_000_000) == "1.2x, about 24.0 MB, sound slight, from 3 past runs here"
