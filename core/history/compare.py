"""Results side by side: the ratio of each metric, and which one is faster if the results are comparable.

Results of one run are compared pair by pair. Results of two runs on one machine with the same versions are compared by their
speed-ups, each over its own original. Otherwise the differences are named, and there is no verdict.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.errors import NotFound
from core.hardware.machine import this_machine
from core.history.names import find_voice
from core.history.trend import limits_changed, versions_changed
from core.records.benchmarks import Sample
from core.records.metrics import METRICS, Metric, metrics
from core.records.results import Result
from core.records.verdict import SpeedVerdict, speed_verdict
from core.records.voices import ORIGINAL
from core.store.results import get_result, list_parts, newest_result

Kind = Literal["paired", "unpaired", "different"]

_SPEED_VERDICTS: dict[str, SpeedVerdict] = {
    "higher": "faster",
    "lower": "slower",
    "no difference": "no difference",
}
# Meaningful if both were measured on one machine with the same versions; otherwise only the speed-up is.
_RATIOS = tuple(metric for metric in METRICS if metric.has_ratio)
_ALWAYS_COMPARED = metrics("speedup")


@dataclass(frozen=True)
class SampledResult:
    """A result with its raw samples and those of the original in the same run."""

    result: Result
    samples: tuple[Sample, ...]
    original: tuple[Sample, ...]


@dataclass(frozen=True)
class Speed:
    """Speed relative to the first result: paired with a 95 % interval, or of two runs with the p-value of the test."""

    ratio: float
    interval: tuple[float, float] | None
    p: float | None
    verdict: SpeedVerdict


@dataclass(frozen=True)
class Comparison:
    """A result compared with the first one."""

    result: Result
    kind: Kind
    differs: tuple[str, ...]
    """What makes them incomparable: `machine Apple M2 -> Cortex-A76`."""
    ratios: dict[str, float]
    """Metric -> this result's value / the first one's; only the speed-up if they are incomparable."""
    speed: Speed | None
    unknown: str | None
    """Why there is no verdict on the speed."""


def find_result(db: sqlite3.Connection, name: str) -> Result:
    """Return the result whose id starts with `name`, or the newest one of `VOICE/VARIANT` on this machine at all cores.

    Raises NotFound.
    """
    voice, slash, variant = name.rpartition("/")
    if not slash:
        return get_result(db, name)
    found = newest_result(db, find_voice(db, voice), variant, this_machine())
    if found is None:
        raise NotFound(
            f"no result of {voice}/{variant} on this machine at all cores (list results with: ttsdash results list)"
        )
    return found


def read_samples(db: sqlite3.Connection, result: Result) -> SampledResult:
    """Read the raw samples of a result and of its original."""
    row = db.execute(
        "SELECT id FROM results WHERE benchmark_id = ? AND threads = ? AND variant = ?",
        (result.benchmark_id, result.threads, ORIGINAL),
    ).fetchone()
    original = list_parts(db, Sample, row["id"]) if row else ()
    return SampledResult(result, list_parts(db, Sample, result.id), original)


def compare_results(first: SampledResult, others: Sequence[SampledResult]) -> list[Comparison]:
    """Compare each of the others with the first."""
    return [_compare(first, other) for other in others]


def _compare(first: SampledResult, other: SampledResult) -> Comparison:
    differs = _differs(first.result, other.result)
    same_run = first.result.benchmark_id == other.result.benchmark_id
    kind: Kind = "different" if differs else "paired" if same_run else "unpaired"
    unknown = _unknown(kind, first, other)
    ratios = _ratios(first.result, other.result, _ALWAYS_COMPARED if kind == "different" else _RATIOS)
    speed = None
    if unknown is None:
        speed = _paired(first, other) if kind == "paired" else _unpaired(first, other)
    return Comparison(other.result, kind, differs, ratios, speed, unknown)


def _differs(one: Result, other: Result) -> tuple[str, ...]:
    pairs = {
        "voice": _distinguished((one.voice, one.voice_id), (other.voice, other.voice_id)),
        "threads": (one.threads, other.threads),
        "machine": _distinguished(*((str(result.machine_facts["cpu"]), result.machine) for result in (one, other))),
        "texts": (one.text_set, other.text_set),
        "benchmark version": (one.benchmark_version, other.benchmark_version),
    }
    return (
        *(f"{name} {first} -> {second}" for name, (first, second) in pairs.items() if first != second),
        *versions_changed(one.environment, other.environment),
        *limits_changed(one.limits, other.limits),
    )


def _distinguished(*named: tuple[str, str]) -> tuple[str, ...]:
    """Return the names, followed by ids if the names are the same."""
    same = len({name for name, _ in named}) == 1
    return tuple(f"{name} ({identity[:12]})" if same else name for name, identity in named)


def _unknown(kind: Kind, first: SampledResult, other: SampledResult) -> str | None:
    results = (first.result, other.result)
    if any(result.speedup is None for result in results):
        return "not both of them were timed"
    if kind == "different":
        return "such results are not comparable"
    if kind == "unpaired" and all(result.variant == ORIGINAL for result in results):
        return "both are originals, whose speed-up is 1 by definition"
    if not all(one.samples and one.original for one in (first, other)):
        return "their raw samples were pruned"
    return None


def _ratios(one: Result, other: Result, compared: Sequence[Metric]) -> dict[str, float]:
    pairs = {metric.field: (metric.value(one), metric.value(other)) for metric in compared}
    return {name: second / first for name, (first, second) in pairs.items() if first and second is not None}


def _paired(first: SampledResult, other: SampledResult) -> Speed:
    from core.benchmark.timing import speedup

    # A variant whose interval was narrow enough earlier has fewer pairs.
    both = {sample.pair for sample in first.samples} & {sample.pair for sample in other.samples}
    samples, other_samples = ([one for one in entry.samples if one.pair in both] for entry in (first, other))
    ratio, low, high = speedup(samples, other_samples)
    return Speed(ratio, (low, high), None, speed_verdict((low, high)))


def _unpaired(first: SampledResult, other: SampledResult) -> Speed:
    from core.benchmark.statistics import median_change
    from core.benchmark.timing import ratios

    found = median_change(*(ratios(one.original, one.samples) for one in (first, other)))
    return Speed(found.ratio, None, found.p, _SPEED_VERDICTS[found.verdict])
