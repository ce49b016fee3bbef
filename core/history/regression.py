"""Regressions: results that are worse than earlier ones of the same variant on the same machine, by more than noise.

A speed-up is a regression if all of the following hold: its whole interval lies below 0.97 of the earlier median, its pairs
differ from the earlier pairs by the Mann-Whitney test, and it is lower than in each of the earlier runs, which show how much
runs vary. Speed-ups are compared rather than times, because the original in the same run is the control. The time of the
original counts only if installed versions have changed: otherwise a slower runtime cannot be distinguished from a slower
machine.

Noisy results are neither judged nor used as a reference.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.benchmark.statistics import median, median_change
from core.benchmark.timing import Values, ratios
from core.hardware.limits import Limits
from core.history.trend import limits_changed, versions_changed
from core.quality.grade import GRADES
from core.records.benchmarks import BenchmarkRecord, ResultRecord, Sample
from core.records.verdict import LOW
from core.records.voices import ORIGINAL
from core.store.results import list_parts

_MAX_EARLIER = 5
# Memory and file sizes vary by a few percent; smaller changes than these are not reported.
_MAX_GROWTH, _MIN_GROWTH_MB = 1.05, 5.0
_PESQ_LOSS = 0.2
# The time of the original varies more than a ratio does.
_ORIGINAL_SLOWER = 1.10


@dataclass(frozen=True)
class Earlier:
    """An earlier result to compare with: not noisy, of the same variant, threads, machine and benchmark version."""

    id: str
    variant_sha256: str
    speedup: float | None
    original_latency_ms: float
    peak_rss_mb: float | None
    size_bytes: int
    pesq: float | None
    grade: str | None
    environment: dict[str, str]
    ratios: Values
    """The speed-up of each pair; empty if the raw samples were pruned."""
    limits: Limits | None = None


def mark_regressions(db: sqlite3.Connection, record: BenchmarkRecord) -> BenchmarkRecord:
    """Return a benchmark that is not stored yet with its regressions marked."""
    return replace(record, results=tuple(_judged(db, record, result) for result in record.results))


def _judged(db: sqlite3.Connection, record: BenchmarkRecord, result: ResultRecord) -> ResultRecord:
    earlier = [] if result.noisy else list_earlier(db, record, result)
    if not earlier:
        return result
    original = next(one for one in record.results if one.variant == ORIGINAL and one.threads == result.threads)
    pairs = ratios(original.samples, result.samples) if result.samples else np.array([])
    limits = Limits.from_json(record.load.get("limits"))
    found = find_regression(result, pairs, record.environment.versions, earlier, limits)
    return replace(result, regression=found)


def find_regression(
    result: ResultRecord,
    pairs: Values,
    environment: dict[str, str],
    earlier: Sequence[Earlier],
    limits: Limits | None = None,
) -> dict[str, Any] | None:
    """Return what got worse, or None: `{"worse": [line, ...], "changed": [line, ...], "against": [id, ...]}`.

    `pairs` are the speed-ups of the single pairs. `earlier` is ordered newest first.
    """
    changed = [*_changed(result, environment, earlier[0]), *limits_changed(earlier[0].limits, limits)]
    worse = [
        *_slower(result, pairs, earlier),
        *_original_slower(result, environment, earlier),
        *_grown(result, earlier),
        *_sounds_worse(result, earlier),
    ]
    if not worse:
        return None
    return {"worse": worse, "changed": changed, "against": [one.id for one in earlier]}


def _slower(result: ResultRecord, pairs: Values, earlier: Sequence[Earlier]) -> list[str]:
    known = [one.speedup for one in earlier if one.speedup is not None]
    now = result.metrics
    if now.speedup is None or now.speedup_ci is None or not known or result.variant == ORIGINAL:
        return []
    before = median(np.array(known))
    if now.speedup_ci[1] >= LOW * before or now.speedup >= min(known):
        return []
    past = [one.ratios for one in earlier if len(one.ratios)]
    if past and median_change(np.concatenate(past), pairs).verdict != "lower":
        return []
    control = now.original_latency_ms / median(np.array([one.original_latency_ms for one in earlier]))
    return [f"speed-up {now.speedup:.2f}x, was {before:.2f}x; the original took {control:.2f}x as long as before"]


def _original_slower(result: ResultRecord, environment: dict[str, str], earlier: Sequence[Earlier]) -> list[str]:
    if result.variant != ORIGINAL or environment == earlier[0].environment:
        return []
    times = [one.original_latency_ms for one in earlier if one.environment != environment]
    now = result.metrics.original_latency_ms
    if not times or now <= _ORIGINAL_SLOWER * max(times):
        return []
    before = median(np.array(times))
    return [f"the original takes {now:.0f} ms, was {before:.0f} ms, which affects all variants"]


def _grown(result: ResultRecord, earlier: Sequence[Earlier]) -> list[str]:
    sizes = (
        (
            "peak memory",
            result.metrics.peak_rss_mb,
            [one.peak_rss_mb for one in earlier if one.peak_rss_mb is not None],
        ),
        ("file size", result.metrics.size_bytes / 1e6, [one.size_bytes / 1e6 for one in earlier]),
    )
    return [
        f"{name} {now:.0f} MB, was {median(np.array(before)):.0f} MB"
        for name, now, before in sizes
        if now is not None and before and now > max(max(before) * _MAX_GROWTH, max(before) + _MIN_GROWTH_MB)
    ]


def _sounds_worse(result: ResultRecord, earlier: Sequence[Earlier]) -> list[str]:
    grades = [GRADES.index(one.grade) for one in earlier if one.grade in GRADES]
    grade, pesq = result.metrics.grade, result.metrics.pesq
    if grade in GRADES and grades and GRADES.index(grade) > max(grades):
        return [f"sound {grade}, was {GRADES[max(grades)]}"]
    scores = [one.pesq for one in earlier if one.pesq is not None]
    if pesq is not None and scores and pesq < min(scores) - _PESQ_LOSS:
        return [f"PESQ {pesq:.2f}, was {median(np.array(scores)):.2f}"]
    return []


def _changed(result: ResultRecord, environment: dict[str, str], before: Earlier) -> list[str]:
    """Return what changed since the newest of the earlier results."""
    rebuilt = ["the variant was rebuilt"] if result.variant_sha256 != before.variant_sha256 else []
    return [*versions_changed(before.environment, environment), *rebuilt]


def list_earlier(db: sqlite3.Connection, record: BenchmarkRecord, result: ResultRecord) -> list[Earlier]:
    """Return the newest results that a result can be compared with, newest first."""
    rows = db.execute(
        """SELECT results.*, environments.versions, benchmarks.load,
               (SELECT other.id FROM results AS other WHERE other.benchmark_id = results.benchmark_id
                AND other.variant = ? AND other.threads = results.threads) AS original_id
           FROM results JOIN benchmarks ON benchmarks.id = results.benchmark_id
           JOIN environments ON environments.id = benchmarks.environment_id
           WHERE results.voice_id = ? AND results.variant = ? AND results.threads = ? AND results.machine_id = ?
               AND results.version = ? AND results.engine IS ? AND NOT results.noisy
           ORDER BY results.created_at DESC LIMIT ?""",
        (
            ORIGINAL,
            record.voice_id,
            result.variant,
            result.threads,
            record.machine.id,
            record.version,
            result.engine,
            _MAX_EARLIER,
        ),
    ).fetchall()
    return [_earlier(db, row) for row in rows]


def _earlier(db: sqlite3.Connection, row: sqlite3.Row) -> Earlier:
    samples = list_parts(db, Sample, row["id"])
    original = list_parts(db, Sample, row["original_id"]) if row["original_id"] else ()
    copied = ("id", "variant_sha256", "speedup", "original_latency_ms", "peak_rss_mb", "size_bytes", "pesq", "grade")
    return Earlier(
        **{name: row[name] for name in copied},
        environment=json.loads(row["versions"]),
        limits=Limits.from_json(json.loads(row["load"]).get("limits")),
        ratios=ratios(original, samples) if samples and original else np.array([]),
    )
