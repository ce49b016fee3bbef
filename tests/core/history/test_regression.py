"""Regressions: the rule by example, and real runs of a variant that is slowed down on purpose."""

import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.benchmark.candidate import BenchmarkPlan, BenchmarkVariant
from core.benchmark.run import run
from core.benchmark.statistics import median_change
from core.benchmark.texts import TextSet
from core.files import sha256_of
from core.hardware.limits import Limits
from core.history.regression import Earlier, find_regression, list_earlier, mark_regressions
from core.records.benchmarks import BenchmarkRecord, ResultRecord, Sample
from core.store.database import transaction
from core.store.results import put_benchmark
from tests.measured import a_record, a_result, changed
from tests.vits import TINY, voice_config, write_voice

OLD = {"kernel": "6.1", "onnxruntime": "1.30"}
NEW = {"kernel": "6.1", "onnxruntime": "1.31"}
FIGURES: dict[str, Any] = {
    "variant": "small",
    "variant_sha256": "a",
    "speedup": 1.5,
    "speedup_low": 1.45,
    "speedup_high": 1.55,
    "original_latency_ms": 100.0,
    "peak_rss_mb": 200.0,
    "size_bytes": 20_000_000,
    "pesq": 4.3,
    "grade": "slight",
}


def pairs(middle: float, count: int = 12) -> np.ndarray:
    """Return values that vary by ±2 %."""
    return middle * np.linspace(0.98, 1.02, count)


def before(speedup: float = 1.5, environment: dict[str, str] = OLD, **changes: Any) -> Earlier:
    figures = {name: value for name, value in FIGURES.items() if name in Earlier.__dataclass_fields__}
    made = Earlier(**figures | {"id": "r", "speedup": speedup, "environment": environment, "ratios": pairs(speedup)})
    return replace(made, **changes)


def the_result(figures: dict[str, Any]) -> ResultRecord:
    return changed(a_result("now", "static-int8"), **figures)


def slower(speedup: float, **changes: Any) -> dict[str, Any]:
    return FIGURES | {"speedup": speedup, "speedup_low": speedup * 0.98, "speedup_high": speedup * 1.02} | changes


@pytest.mark.parametrize(
    ("figures", "earlier", "message"),
    [
        (FIGURES, [before()], None),
        (slower(1.35), [before()], "speed-up 1.35x, was 1.50x; the original took 1.00x as long as before"),
        (slower(1.35, original_latency_ms=120.0), [before()], "the original took 1.20x as long"),
        # Noise of 2 %, and changes below the minimum effect.
        (slower(1.47), [before()], None),
        (slower(1.44), [before()], None),
        # An interval that reaches the earlier value.
        (FIGURES | {"speedup": 1.35, "speedup_high": 1.5}, [before()], None),
        # Runs that vary as much.
        (slower(1.35), [before(1.5), before(1.3), before(1.52)], None),
        (slower(1.35), [before(1.5), before(1.48), before(1.52)], "speed-up 1.35x, was 1.50x"),
        # An improvement is no regression.
        (slower(1.8), [before()], None),
        # If raw samples were pruned, the intervals decide alone.
        (slower(1.35), [before(ratios=np.array([]))], "speed-up 1.35x"),
        # An untimed variant cannot be slower.
        (FIGURES | dict.fromkeys(("speedup", "speedup_low", "speedup_high", "peak_rss_mb")), [before()], None),
        (FIGURES | {"peak_rss_mb": 230.0}, [before()], "peak memory 230 MB, was 200 MB"),
        (FIGURES | {"peak_rss_mb": 204.0}, [before()], None),
        (FIGURES | {"size_bytes": 30_000_000}, [before()], "file size 30 MB, was 20 MB"),
        (FIGURES | {"grade": "noticeable"}, [before()], "sound noticeable, was slight"),
        (FIGURES | {"grade": "noticeable"}, [before(), before(grade="noticeable")], None),
        (FIGURES | {"pesq": 4.0}, [before()], "PESQ 4.00, was 4.30"),
        (FIGURES | {"pesq": 4.2}, [before()], None),
        (FIGURES | {"pesq": None}, [before()], None),
        # The time of the original counts only if versions have changed.
        (slower(1.0, variant="original", original_latency_ms=130.0), [before(1.0)], None),
        (
            slower(1.0, variant="original", original_latency_ms=130.0),
            [before(1.0, environment={"kernel": "6.1", "onnxruntime": "1.29"})],
            "the original takes 130 ms, was 100 ms",
        ),
    ],
)
def test_what_counts_as_a_regression(figures: dict[str, Any], earlier: list[Earlier], message: str | None) -> None:
    found = find_regression(the_result(figures), pairs(figures["speedup"] or 1.0), OLD, earlier)
    if message is None:
        assert found is None
    else:
        assert found is not None
        assert message in " ".join(found["worse"])
        assert found["against"] == ["r"] * len(earlier)


def test_a_regression_lists_changes_since_the_previous_run() -> None:
    found = find_regression(
        the_result(slower(1.2, variant_sha256="b")), pairs(1.2), NEW | {"numpy": "2"}, [before(), before(1.52)]
    )
    assert found is not None
    assert found["changed"] == ["onnxruntime 1.30 -> 1.31", "numpy none -> 2", "the variant was rebuilt"]


def test_a_regression_of_a_limited_worker_names_the_limits() -> None:
    limits = Limits(machine_cores=4, cores=4, nice=15)
    for earlier, listed in ((None, ["limits unknown -> nice 15"]), (limits, [])):
        known = [replace(before(), limits=earlier), before(1.52)]
        found = find_regression(the_result(slower(1.2)), pairs(1.2), OLD, known, limits)
        assert found is not None
        assert found["changed"] == listed


def test_the_mann_whitney_test_agrees_with_textbooks() -> None:
    # The example in SciPy's documentation.
    assert median_change(np.array([19.0, 22, 16, 29, 24]), np.array([20.0, 11, 17, 12])).p == pytest.approx(
        0.1111, abs=1e-4
    )
    assert median_change(pairs(1.0), pairs(1.1)).verdict == "higher"
    assert median_change(pairs(1.0), pairs(0.9)).verdict == "lower"
    # Significant, but too small to matter.
    assert median_change(pairs(1.0, 200), pairs(1.02, 200)).verdict == "no difference"


@pytest.fixture
def slowed(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Make benchmark processes use the test engine."""
    tests = Path(__file__).parents[2]
    path = [str(tests / "slowed"), str(tests.parent)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")]))
    return monkeypatch


def measured(slowed: pytest.MonkeyPatch, plan: BenchmarkPlan, share: float) -> BenchmarkRecord:
    """Run a benchmark and mark its results as not noisy, whatever else this machine does."""
    slowed.setenv("SLOWED_BY", str(share))
    record = run(plan, lambda stage, done: None)
    results = tuple(changed(one, noisy=False) for one in record.results)
    return replace(record, results=results)


def test_a_slowdown_of_10_percent_is_found_and_noise_of_2_percent_is_not(
    db: sqlite3.Connection, tmp_path: Path, slowed: pytest.MonkeyPatch
) -> None:
    original = write_voice(tmp_path)
    variant = Path(shutil.copyfile(original, tmp_path / "variant.onnx"))
    size = original.stat().st_size
    plan = BenchmarkPlan(
        voice_id=sha256_of(original),
        voice_key="tiny",
        config=voice_config(TINY),
        candidates=(
            BenchmarkVariant("original", original, "o", size, None),
            BenchmarkVariant("copy", variant, "v", size, "guide"),
        ),
        texts=TextSet("mine", "en", {"only": "Tomorrow will start with light rain."}, latency_text="only"),
        threads=(1,),
        width=0.02,
        budget_s=1,
    )
    marks = []
    for share in (0.0, 0.0, 0.02, 0.10):
        record = mark_regressions(db, measured(slowed, plan, share))
        with transaction(db):
            put_benchmark(db, record, None)
        marks.append(record.results[1].figures["regression"])
        assert record.results[0].figures["regression"] is None
    assert marks[:3] == [None, None, None]
    assert "speed-up" in marks[3]["worse"][0]
    assert marks[3]["changed"] == []


def test_only_results_without_noise_of_the_same_machine_version_threads_and_engine_are_references(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    record = a_benchmark("b1")
    others = [
        replace(record, id="b2", machine=replace(record.machine, id="elsewhere")),
        replace(record, id="b3", version="older"),
        replace(record, id="b4", voice_id="another"),
        *(with_figures(record, id, **changes) for id, changes in (("b5", {"noisy": True}), ("b6", {"threads": 2}))),
        with_figures(record, "b7", engine="coreml"),
    ]
    with transaction(db):
        for one in others:
            put_benchmark(db, with_figures(one, one.id), None)
    assert list_earlier(db, record, record.results[1]) == []
    with transaction(db):
        put_benchmark(db, record, None)
    (found,) = list_earlier(db, record, record.results[1])
    assert found.id == "b1-copy"
    assert list(found.ratios) == [2.0, 2.0]
    noisy = with_figures(record, "b8", noisy=True, speedup_high=0.1)
    assert mark_regressions(db, noisy) == noisy


def a_benchmark(name: str) -> BenchmarkRecord:

    samples = {"original": 0.2, "copy": 0.1}
    results = tuple(
        replace(
            a_result(f"{name}-{variant}", variant),
            samples=tuple(Sample(pair, "only", seconds, 1.0) for pair in (0, 1)),
        )
        for variant, seconds in samples.items()
    )
    return a_record(name, results=results)


def with_figures(record: BenchmarkRecord, name: str, **changes: Any) -> BenchmarkRecord:
    results = tuple(changed(one, **changes | {"id": f"{name}-{one.variant}"}) for one in record.results)
    return replace(record, id=name, results=results)
