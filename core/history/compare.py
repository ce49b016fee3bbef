"""Results side by side: the ratio of each figure, and whether one is faster, where there is a rule for it.

Of one run they are compared pair by pair. Of two runs on one machine under the same versions each is compared with its own
original, and then the speed-ups with each other. Whatever else differs is named, and nothing is said of what is faster.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.errors import NotFound
from core.hardware.machine import this_machine
from core.history.names import find_voice
from core.history.trend import versions_changed
from core.records.benchmarks import Sample
from core.records.metrics import METRICS, Metric, metrics
from core.records.results import Result
from core.records.verdict import SpeedVerdict, speed_verdict
from core.records.voices import ORIGINAL
from core.store.results import get_result, list_parts, newest_result

Kind = Literal["paired", "unpaired", "apart"]

# Meaningful if both were measured on one machine under the same versions; the speed-up alone otherwise.
_RATIOS = tuple(metric for metric in METRICS if metric.has_ratio)
_ALWAYS = metrics("speedup")


@dataclass(frozen=True)
class SampledResult:
    """A result with its raw samples, and those of the original beside it."""

    result: Result
    samples: tuple[Sample, ...]
    original: tuple[Sample, ...]


@dataclass(frozen=True)
class Speed:
    """How many times as fast as the first: pair by pair with a 95 % interval, or of two runs with the p of the test."""

    ratio: float
    interval: tuple[float, float] | None
    p: float | None
    verdict: SpeedVerdict


@dataclass(frozen=True)
class Comparison:
    """A result beside the first one."""

    result: Result
    kind: Kind
    differs: tuple[str, ...]
    """What makes them stand apart: `machine Apple M2 -> Cortex-A76`."""
    ratios: dict[str, float]
    """By figure, this one's by the first one's; only of the speed-up if they stand apart."""
    speed: Speed | None
    unknown: str | None
    """Why nothing is said of what is faster."""


def find_result(db: sqlite3.Connection, name: str) -> Result:
    """The result whose id starts so; or `VOICE/VARIANT`, its newest here at all cores. Raises NotFound."""
    voice, slash, variant = name.rpartition("/")
    if not slash:
        return get_result(db, name)
    found = newest_result(db, find_voice(db, voice), variant, this_machine())
    if found is None:
        raise NotFound(f"{voice} has no result of {variant!r} on this machine at all cores: `ttsdash results list`")
    return found


def read_samples(db: sqlite3.Connection, result: Result) -> SampledResult:
    row = db.execute(
        "SELECT id FROM results WHERE benchmark_id = ? AND threads = ? AND variant = ?",
        (result.benchmark_id, result.threads, ORIGINAL),
    ).fetchone()
    original = list_parts(db, Sample, row["id"]) if row else ()
    return SampledResult(result, list_parts(db, Sample, result.id), original)


def compare_results(first: SampledResult, others: Sequence[SampledResult]) -> list[Comparison]:
    """Each of the others beside the first."""
    return [_compare(first, other) for other in others]


def _compare(first: SampledResult, other: SampledResult) -> Comparison:
    differs = _differs(first.result, other.result)
    same_run = first.result.benchmark_id == other.result.benchmark_id
    kind: Kind = "apart" if differs else "paired" if same_run else "unpaired"
    unknown = _unknown(kind, first, other)
    ratios = _ratios(first.result, other.result, _ALWAYS if kind == "apart" else _RATIOS)
    speed = None if unknown else (_paired if kind == "paired" else _unpaired)(first, other)
    return Comparison(other.result, kind, differs, ratios, speed, unknown)


def _differs(one: Result, other: Result) -> tuple[str, ...]:
    pairs = {
        "voice": _apart((one.voice, one.voice_id), (other.voice, other.voice_id)),
        "threads": (one.threads, other.threads),
        "machine": _apart(*((str(result.machine_facts["cpu"]), result.machine) for result in (one, other))),
        "benchmark version": (one.benchmark_version, other.benchmark_version),
    }
    return (
        *(f"{name} {mine} -> {its}" for name, (mine, its) in pairs.items() if mine != its),
        *versions_changed(one.environment, other.environment),
    )


def _apart(*named: tuple[str, str]) -> tuple[str, ...]:
    """Names, with the ids behind them where the names are the same."""
    same = len({name for name, _ in named}) == 1
    return tuple(f"{name} ({identity[:12]})" if same else name for name, identity in named)


def _unknown(kind: Kind, first: SampledResult, other: SampledResult) -> str | None:
    results = (first.result, other.result)
    if any(result.speedup is None for result in results):
        return "not both were timed"
    if kind == "apart":
        return "figures of such results do not compare"
    if kind == "unpaired" and all(result.variant == ORIGINAL for result in results):
        return "both are the original, which speed-ups are measured by"
    if not all(one.samples and one.original for one in (first, other)):
        return "raw samples were pruned"
    return None


def _ratios(one: Result, other: Result, compared: Sequence[Metric]) -> dict[str, float]:
    pairs = {metric.field: (metric.of(one), metric.of(other)) for metric in compared}
    return {name: its / mine for name, (mine, its) in pairs.items() if mine and its is not None}


def _paired(first: SampledResult, other: SampledResult) -> Speed:
    from core.benchmark.figures import speedup

    # One that was known well enough has fewer pairs than another.
    both = {sample.pair for sample in first.samples} & {sample.pair for sample in other.samples}
    ratio, low, high = speedup(*([one for one in entry.samples if one.pair in both] for entry in (first, other)))
    return Speed(ratio, (low, high), None, speed_verdict((low, high)))


def _unpaired(first: SampledResult, other: SampledResult) -> Speed:
    from core.benchmark.figures import ratios
    from core.benchmark.statistics import median_change

    found = median_change(*(ratios(one.original, one.samples) for one in (first, other)))
    says: dict[str, SpeedVerdict] = {"higher": "faster", "lower": "slower"}
    return Speed(found.ratio, None, found.p, says.get(found.verdict, "no difference"))
