"""Metrics computed from raw samples, by examples that can be checked by hand."""

from dataclasses import replace

import pytest

from core.benchmark.timing import (
    Measurements,
    Memory,
    metrics_by_text,
    ratios,
    speedup,
    undisturbed_pairs,
    with_timing,
)
from core.records.benchmarks import ParallelRun, Sample, Startup
from core.records.metrics import Metrics

UNTIMED = Metrics(original_latency_ms=1.0, size_bytes=1)


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def samples(seconds: float, audio: float = 2.0, pairs: int = 4) -> tuple[Sample, ...]:
    return tuple(
        Sample(pair, text, seconds * share, audio * share, seconds * share / 2, seconds * share * 2, 3.0 * share)
        for pair in range(pairs)
        for text, share in (("short", 0.5), ("medium", 1.0))
    )


def measured(seconds: float, audio: float = 2.0, pairs: int = 4) -> Measurements:
    return Measurements(
        samples(seconds, audio, pairs),
        (Startup(0, True, 0.9, 2.0), Startup(1, False, 0.5, 1.0), Startup(2, False, 0.7, 1.1)),
        (ParallelRun(0, 2, 0.5, 4.0), ParallelRun(1, 2, 0.4, 4.0)),
        (Memory(50, 300, 280), Memory(50, 310, 270)),
    )


def test_each_metric_follows_from_the_samples() -> None:
    figures = with_timing(UNTIMED, measured(0.4), measured(0.2), "medium", phonemes_ms=3.0)
    assert (figures.pairs, figures.speedup, figures.verdict) == (4, 2.0, "faster")
    assert (_round(figures.rtf), _round(figures.latency_ms)) == (0.1, 200.0)
    assert (_round(figures.original_latency_ms), _round(figures.ttfa_ms)) == (400.0, 103.0)
    # Cold starts determine the cold start time, the others the load time.
    assert (figures.cold_start_s, figures.load_s) == (2.0, 0.6)
    assert (figures.throughput, figures.requests) == (9.0, 2)
    assert (_round(figures.cpu_s_per_audio_s), figures.energy_j) == (0.2, 3.0)
    assert (figures.peak_rss_mb, figures.settled_rss_mb, figures.bare_rss_mb) == (310, 275, 50)


def test_a_variant_with_fewer_pairs_is_compared_in_those() -> None:
    late = tuple(Sample(pair, "medium", 100.0, 2.0) for pair in range(4, 8))
    assert speedup(samples(0.4) + late, samples(0.2))[0] == 2.0
    figures = with_timing(
        UNTIMED, Measurements(samples(0.4) + late, (), (), measured(1).memory), measured(0.2), "medium", 0.0
    )
    assert (figures.pairs, _round(figures.original_latency_ms)) == (4, 400.0)


@pytest.mark.parametrize(("quiet", "counted"), [(10, 10), (9, 13)])
@pytest.mark.parametrize("whose", ["the original's", "the variant's"])
def test_metrics_come_from_the_undisturbed_pairs_if_there_are_ten(quiet: int, counted: int, whose: str) -> None:
    """In the last four pairs the variant takes three times as long, and one of the two samples is disturbed."""
    original, variant = list(samples(0.4, pairs=quiet + 4)), list(samples(0.2, pairs=quiet + 4))
    for place in range(2 * quiet, len(variant)):
        variant[place] = replace(variant[place], seconds=variant[place].seconds * 3)
        busy = original if whose == "the original's" else variant
        busy[place] = replace(busy[place], others_share=0.5)
    beside, found = (replace(measured(1), samples=tuple(some)) for some in (original, variant))
    figures = with_timing(UNTIMED, beside, found, "medium", 0.0)
    assert (figures.pairs, len(ratios(original, variant))) == (counted, counted)
    assert (_round(figures.latency_p90_ms), _round(figures.speedup)) == (200 if quiet == 10 else 600, 2)
    assert round(metrics_by_text(beside, found)[1].latency_p90_ms, 6) == (200 if quiet == 10 else 600)


def test_all_pairs_of_an_older_version_count() -> None:
    assert {sample.others_share for sample in samples(0.4)} == {None}
    assert undisturbed_pairs(samples(0.4), samples(0.2)) == [0, 1, 2, 3]


def test_each_text_has_metrics() -> None:
    short, medium = metrics_by_text(measured(0.4), measured(0.2))
    assert (short.text, round(short.latency_ms, 6), short.audio_seconds) == ("short", 100.0, 1.0)
    assert (medium.text, round(medium.rtf, 6), medium.speedup) == ("medium", 0.1, 2.0)


def test_a_model_without_audio_has_no_rtf() -> None:
    figures = with_timing(UNTIMED, measured(0.4), measured(0.2, audio=0.0), "medium", 0.0)
    assert (figures.rtf, figures.cpu_s_per_audio_s, figures.speedup) == (None, None, 2.0)
    assert metrics_by_text(measured(0.4), measured(0.2, audio=0.0)) == ()
