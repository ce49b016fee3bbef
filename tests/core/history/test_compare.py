"""Comparisons of results: which are comparable, by which rule, and why others are not."""

import sqlite3
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.errors import NotFound
from core.hardware.limits import Limits
from core.hardware.machine import this_machine
from core.history.compare import Comparison, SampledResult, compare_results, find_result, read_samples
from core.records.benchmarks import Sample
from core.records.results import Result
from core.records.voices import ORIGINAL, Voice
from core.store.database import transaction
from core.store.results import get_result, put_benchmark
from tests.measured import a_record, a_result

PAIRS = 12


def samples(seconds: float, pairs: int = PAIRS, noise: int = 1) -> tuple[Sample, ...]:
    """Return two samples per pair that vary by ±2 %, in a different order for each `noise`."""
    spread = np.random.default_rng(noise).permutation(np.linspace(0.98, 1.02, pairs))
    return tuple(
        Sample(pair, text, seconds * share * spread[pair], 2.0)
        for pair in range(pairs)
        for text, share in (("long", 0.8), ("short", 0.2))
    )


def a_measured(
    seconds: float, result_id: str = "b", noise: int = 1, pairs: int = PAIRS, **changes: Any
) -> SampledResult:
    """Return the result of a variant that takes so long; the original takes a second."""
    figures = a_result(result_id, "int4", latency_ms=seconds * 1000, speedup=1 / seconds).figures
    figures = {name: value for name, value in figures.items() if name not in ("speedup_low", "speedup_high")}
    result = Result(
        **figures,
        speedup_ci=(0.98 / seconds, 1.02 / seconds),
        benchmark_id="run",
        voice="amy",
        voice_id="a" * 64,
        machine="m",
        machine_facts={"cpu": "Example CPU"},
        environment={"kernel": "6.1", "onnxruntime": "1.30"},
        benchmark_version="v1",
        text_set="en v1",
        text_set_note=None,
        created_at="2026-01-01T00:00:00.000Z",
    )
    return SampledResult(replace(result, **changes), samples(seconds, pairs, noise), samples(1.0, PAIRS, noise + 1))


def beside(first: SampledResult, other: SampledResult) -> Comparison:
    (found,) = compare_results(first, [other])
    return found


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0.5, "faster"), (0.94, "faster"), (0.985, "no difference"), (1.015, "no difference"), (1.2, "slower")],
)
def test_results_of_one_run_are_compared_in_pairs(seconds: float, verdict: str) -> None:
    found = beside(a_measured(1.0), a_measured(seconds))
    assert (found.kind, found.differs, found.unknown) == ("paired", (), None)
    assert found.speed
    assert found.speed.interval
    assert found.speed.interval == pytest.approx((1 / seconds, 1 / seconds))
    assert (found.speed.verdict, found.speed.p) == (verdict, None)


@pytest.mark.parametrize(("pairs", "other_pairs"), [(12, 8), (8, 12)])
def test_only_common_pairs_are_compared(pairs: int, other_pairs: int) -> None:
    found = beside(a_measured(1.0, pairs=pairs), a_measured(0.5, pairs=other_pairs))
    assert found.speed
    assert found.speed.ratio == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0.5, "faster"), (0.9, "faster"), (0.98, "no difference"), (1.0, "no difference"), (1.1, "slower")],
)
def test_results_of_two_runs_are_compared_by_their_speed_ups(seconds: float, verdict: str) -> None:
    found = beside(a_measured(1.0), a_measured(seconds, noise=5, benchmark_id="another"))
    assert (found.kind, found.differs, found.unknown) == ("unpaired", (), None)
    assert found.speed
    assert found.speed.p is not None
    assert (found.speed.verdict, found.speed.interval) == (verdict, None)
    assert found.speed.ratio == pytest.approx(1 / seconds, rel=0.03)


def test_a_machine_that_is_slower_today_makes_no_difference() -> None:
    today = a_measured(1.3, benchmark_id="another", noise=5)
    found = beside(a_measured(1.0), replace(today, original=samples(1.3, noise=6)))
    assert found.speed
    assert found.speed.verdict == "no difference"


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"machine": "n", "machine_facts": {"cpu": "Apple M2"}}, ("machine Example CPU -> Apple M2",)),
        ({"benchmark_version": "v2"}, ("benchmark version v1 -> v2",)),
        ({"text_set": "sv v1"}, ("texts en v1 -> sv v1",)),
        ({"threads": 1}, ("threads 4 -> 1",)),
        ({"limits": Limits(4, 4, nice=15)}, ("limits unknown -> nice 15",)),
        ({"voice": "joe", "voice_id": "b" * 64}, ("voice amy -> joe",)),
        (
            {"environment": {"kernel": "6.2", "onnxruntime": "1.31"}},
            ("kernel 6.1 -> 6.2", "onnxruntime 1.30 -> 1.31"),
        ),
    ],
)
def test_incomparable_results_have_their_differences_and_no_verdict(
    changes: dict[str, Any], differs: tuple[str, ...]
) -> None:
    found = beside(a_measured(1.0), a_measured(0.5, **{"benchmark_id": "another"} | changes))
    assert (found.kind, found.differs, found.speed) == ("different", differs, None)
    assert found.unknown == "such results are not comparable"
    assert found.ratios == {"speedup": pytest.approx(2.0)}


def test_machines_or_voices_of_the_same_name_are_distinguished() -> None:
    found = beside(a_measured(1.0), a_measured(0.5, machine="n", voice_id="b" * 64, benchmark_id="another"))
    voices = "voice amy (aaaaaaaaaaaa) -> amy (bbbbbbbbbbbb)"
    assert (found.kind, found.differs) == ("different", (voices, "machine Example CPU (m) -> Example CPU (n)"))


@pytest.mark.parametrize(
    ("first", "other", "unknown"),
    [
        (a_measured(1.0, speedup=None), a_measured(0.5), "not both of them were timed"),
        (replace(a_measured(1.0), samples=()), a_measured(0.5), "their raw samples were pruned"),
        (a_measured(1.0), replace(a_measured(0.5), original=()), "their raw samples were pruned"),
        (
            a_measured(1.0, variant=ORIGINAL),
            a_measured(0.5, variant=ORIGINAL, benchmark_id="another"),
            "both are originals, whose speed-up is 1 by definition",
        ),
    ],
)
def test_the_reason_for_no_verdict_is_given(first: SampledResult, other: SampledResult, unknown: str) -> None:
    found = beside(first, other)
    assert (found.speed, found.unknown) == (None, unknown)


def test_metrics_have_a_ratio_if_both_are_known() -> None:
    first = a_measured(1.0, energy_j=None, ttfa_ms=None, throughput=0.0)
    found = beside(first, a_measured(0.5, energy_j=3.0, size_bytes=617, throughput=1.0))
    assert found.ratios["latency_ms"] == pytest.approx(0.5)
    assert found.ratios["size_bytes"] == pytest.approx(0.5)
    assert not {"energy_j", "ttfa_ms", "throughput", "pesq"} & found.ratios.keys()


def test_a_result_is_found_by_its_id_or_as_the_newest_of_a_variant(db: sqlite3.Connection, stored: Voice) -> None:
    here = this_machine()
    at_all_cores = {"threads": here.facts["cores"], "stock": True}
    with transaction(db):
        for name, day in (("new", 2), ("old", 1)):
            results = (a_result(f"{name}-1", ORIGINAL, **at_all_cores), a_result(f"{name}-2", "int4", **at_all_cores))
            record = a_record(
                name, voice_id=stored.id, machine=here, created_at=f"2026-01-0{day}T00:00:00.000Z", results=results
            )
            put_benchmark(db, record, None)
    assert find_result(db, "old-2").id == "old-2"
    assert find_result(db, "amy/int4").id == "new-2"
    with pytest.raises(NotFound, match="no result of amy/int8 on this machine at all cores"):
        find_result(db, "amy/int8")
    with pytest.raises(NotFound, match="voice not found: 'eve'"):
        find_result(db, "eve/int4")


def test_samples_are_read_with_the_original_of_the_same_run_and_threads(db: sqlite3.Connection, stored: Voice) -> None:
    results = [
        replace(a_result(f"{variant}-{threads}", variant, threads=threads), samples=samples(seconds))
        for variant, threads, seconds in ((ORIGINAL, 1, 1.0), (ORIGINAL, 4, 0.6), ("int4", 1, 0.5), ("int4", 4, 0.3))
    ]
    with transaction(db):
        put_benchmark(db, a_record("run", voice_id=stored.id, results=tuple(results)), None)
    found = read_samples(db, get_result(db, "int4-1"))
    assert (found.samples, found.original) == (samples(0.5), samples(1.0))
