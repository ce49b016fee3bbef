"""Whether a result is worse than that machine's earlier ones of the same variant, by more than noise.

The rule for speed, all of it at once: the speed-up's whole interval lies below 0.97 of what it was, its pairs differ from
the earlier pairs by the Mann-Whitney test, and it is lower than in each of the earlier runs, which tell how much runs differ
by themselves. Speed-ups are compared, not times: the original in the same run is the control. Its own time counts only where
the installed versions are others than before, since nothing else tells a slower runtime from a slower machine.

Noisy results are neither judged nor judged by.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.benchmark.figures import Values, ratios
from core.benchmark.statistics import median, median_change
from core.history.trend import versions_changed
from core.quality.grade import GRADES
from core.records.benchmarks import BenchmarkRecord, ResultRecord, Sample
from core.records.verdict import LOW
from core.records.voices import ORIGINAL
from core.store.results import list_parts

_LOOKED_BACK = 5
# Memory and files differ by a few percent for reasons that are nobody's fault; less than this is no news either.
_MOST_GROWTH, _LEAST_MB = 1.05, 5.0
_PESQ_LOSS = 0.2
# The original's own time wanders more than a ratio does.
_ORIGINAL_SLOWER = 1.10


@dataclass(frozen=True)
class Earlier:
    """A quiet result of the same variant at as many threads, on the same machine, by the same version of the benchmark."""

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
    """Of its pairs; none where the raw samples were pruned."""


def mark_regressions(db: sqlite3.Connection, record: BenchmarkRecord) -> BenchmarkRecord:
    """The benchmark with its regressions marked. It is not in the store yet."""
    return replace(record, results=tuple(_judged(db, record, result) for result in record.results))


def _judged(db: sqlite3.Connection, record: BenchmarkRecord, result: ResultRecord) -> ResultRecord:
    earlier = [] if result.noisy else list_earlier(db, record, result)
    if not earlier:
        return result
    original = next(one for one in record.results if one.variant == ORIGINAL and one.threads == result.threads)
    pairs = ratios(original.samples, result.samples) if result.samples else np.array([])
    found = find_regression(result, pairs, record.environment.versions, earlier)
    return replace(result, regression=found)


def find_regression(
    result: ResultRecord, pairs: Values, environment: dict[str, str], earlier: Sequence[Earlier]
) -> dict[str, Any] | None:
    """What is worse than it was, the newest of `earlier` first: `{"worse": [line, ...], "changed": [line, ...], "against": [id, ...]}`.

    None where nothing is. `pairs` are the speed-ups of the single pairs.
    """
    changed = _changed(result, environment, earlier[0])
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
    return [f"speed-up {now.speedup:.2f}x, was {before:.2f}x; the original took {control:.2f}x as long as then"]


def _original_slower(result: ResultRecord, environment: dict[str, str], earlier: Sequence[Earlier]) -> list[str]:
    if result.variant != ORIGINAL or environment == earlier[0].environment:
        return []
    times = [one.original_latency_ms for one in earlier if one.environment != environment]
    now = result.metrics.original_latency_ms
    if not times or now <= _ORIGINAL_SLOWER * max(times):
        return []
    before = median(np.array(times))
    return [f"the original itself takes {now:.0f} ms, was {before:.0f} ms, and all variants with it"]


def _grown(result: ResultRecord, earlier: Sequence[Earlier]) -> list[str]:
    sizes = (
        (
            "peak memory",
            result.metrics.peak_rss_mb,
            [one.peak_rss_mb for one in earlier if one.peak_rss_mb is not None],
        ),
        ("the file", result.metrics.size_bytes / 1e6, [one.size_bytes / 1e6 for one in earlier]),
    )
    return [
        f"{name} {now:.0f} MB, was {median(np.array(before)):.0f} MB"
        for name, now, before in sizes
        if now is not None and before and now > max(max(before) * _MOST_GROWTH, max(before) + _LEAST_MB)
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
    """What is another than at the newest of the earlier results."""
    made_anew = ["the variant was made anew"] if result.variant_sha256 != before.variant_sha256 else []
    return [*versions_changed(before.environment, environment), *made_anew]


def list_earlier(db: sqlite3.Connection, record: BenchmarkRecord, result: ResultRecord) -> list[Earlier]:
    """The newest quiet ones that compare with it, the newest first."""
    rows = db.execute(
        """SELECT results.*, environments.versions,
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
            _LOOKED_BACK,
        ),
    ).fetchall()
    return [_earlier(db, row) for row in rows]


def _earlier(db: sqlite3.Connection, row: sqlite3.Row) -> Earlier:
    samples = list_parts(db, Sample, row["id"])
    beside = list_parts(db, Sample, row["original_id"]) if row["original_id"] else ()
    same = ("id", "variant_sha256", "speedup", "original_latency_ms", "peak_rss_mb", "size_bytes", "pesq", "grade")
    return Earlier(
        **{name: row[name] for name in same},
        environment=json.loads(row["versions"]),
        ratios=ratios(beside, samples) if samples and beside else np.array([]),
    )
