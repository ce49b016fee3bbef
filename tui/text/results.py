"""Comparisons, trends and Pareto fronts as rows and text, shared by the command line and the dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.records.metrics import METRICS
from core.records.voices import ORIGINAL
from tui.text.format import decimal, local_time, megabytes, shortened, sound, sparkline, speedup

if TYPE_CHECKING:
    from core.history.compare import Comparison, Speed
    from core.history.pareto import ParetoPoint
    from core.history.trend import Point, Series
    from core.records.results import Result

_KINDS = {
    "paired": "same run, compared in pairs",
    "unpaired": "different runs, compared by speed-up",
    "different": "not comparable",
}
# The width of a sparkline.
_BARS = 40

PARETO_HEADERS = ("variant", ">MB", ">speed-up, 95 %", "sound", ">PESQ", "dominated by")
DOMINATED = "dominated: another variant is as good in size, speed and sound, and better in one of them"


def comparison_headers(results: Sequence[Result]) -> tuple[str, ...]:
    """Return the headers of a comparison: the starts of the ids."""
    return ("", *(f">{result.id[:8]}" for result in results))


def comparison_rows(results: Sequence[Result], comparisons: Sequence[Comparison]) -> list[tuple[str, ...]]:
    """Return a row per metric with a cell per result: `80.5  0.85x` is the value and its ratio to the first result."""
    ratios: list[dict[str, float]] = [{}, *(comparison.ratios for comparison in comparisons)]
    facts = (
        ("voice", [result.voice for result in results]),
        ("variant", [result.variant for result in results]),
        ("threads", [str(result.threads) for result in results]),
        ("texts", [shortened(result.text_set) for result in results]),
        ("measured", [local_time(result.created_at) for result in results]),
        ("on", [shortened(result.machine_facts["cpu"]) for result in results]),
    )
    rows = [(label, *cells) for label, cells in facts]
    for metric in METRICS:
        values = [decimal(metric.value(result), metric.digits) for result in results]
        pairs = zip(values, ratios, strict=True)
        rows.append((metric.title, *(_cell(value, ratio.get(metric.field)) for value, ratio in pairs)))
    return [*rows, ("sound", *map(sound, results))]


def _cell(value: str, ratio: float | None) -> str:
    return value if ratio is None else f"{value} {ratio:>6.2f}x"


def comparison_words(first: Result, comparisons: Sequence[Comparison]) -> list[str]:
    """Return a line per comparison: the verdict on the speed, or why there is none."""
    results = [first, *(one.result for one in comparisons)]
    noisy = [result.id[:8] for result in results if result.noisy]
    busy = [f"noisy (measured on a busy machine): {', '.join(noisy)}"] if noisy else []
    return [*(_verdict(first, one) for one in comparisons), *busy]


def _verdict(first: Result, one: Comparison) -> str:
    names = f"{one.result.variant} ({one.result.id[:8]}) vs {first.variant} ({first.id[:8]})"
    differences = f" ({'; '.join(one.differs)})" if one.differs else ""
    verdict = _speed(one.speed) if one.speed else f"no verdict, {one.unknown}"
    return f"{names}, {_KINDS[one.kind]}{differences}: {verdict}"


def _speed(speed: Speed) -> str:
    if speed.interval:
        certainty = f"95 % interval {speed.interval[0]:.2f}–{speed.interval[1]:.2f}"
    else:
        certainty = f"Mann-Whitney p = {speed.p:.2g}"
    return f"{speed.verdict}, {speed.ratio:.2f}x as fast ({certainty})"


def changes_since_previous(point: Point) -> str:
    """Return what got worse at a point of a trend, and what changed since the previous one."""
    regression = point.result.regression
    worse = [f"worse: {'; '.join(regression['worse'])}"] if regression else []
    return "; ".join([*worse, *point.changed])


def trend_figure(result: Result) -> float | None:
    """Return the value that a trend shows: the speed-up, or for the original its latency in ms."""
    return result.latency_ms if result.variant == ORIGINAL else result.speedup


def trend_line(one: Series) -> str:
    """Return the first and last value with a sparkline of the newest ones: `1.72x ▁▃▂█ 1.85x`."""
    results = [point.result for point in one.points]
    known = [value for value in map(trend_figure, results) if value is not None]
    if not known:
        return "not timed"
    is_original = results[-1].variant == ORIGINAL
    first, last = (f"{value:.0f} ms" if is_original else f"{value:.2f}x" for value in (known[0], known[-1]))
    return f"{first} {sparkline(known[-_BARS:])} {last}"


def different_texts(results: Sequence[Result]) -> str | None:
    """Return a note if not all spoke the same texts: which ones spoke which."""
    spoken: dict[str, list[str]] = {}
    for result in results:
        spoken.setdefault(result.text_set, []).append(result.variant)
    if len(spoken) < 2:
        return None
    named = "; ".join(f"{name}: {', '.join(variants)}" for name, variants in spoken.items())
    return f"different texts, not comparable: {named}"


def pareto_row(one: ParetoPoint) -> tuple[str, ...]:
    """Return the cells of a point under `PARETO_HEADERS`."""
    result = one.result
    return (
        result.variant,
        megabytes(result.size_bytes),
        speedup(result),
        sound(result),
        decimal(result.pesq, 2),
        ", ".join(one.dominated_by),
    )
