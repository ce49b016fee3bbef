"""Comparisons, trends and Pareto fronts in rows and words, the same on the command line and in the dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.records.metrics import METRICS
from core.records.voices import ORIGINAL
from tui.text.format import figure, megabytes, moment, shortened, sparkline, speedup

if TYPE_CHECKING:
    from core.history.compare import Comparison, Speed
    from core.history.pareto import ParetoPoint
    from core.history.trend import Point, Series
    from core.records.results import Result

_KINDS = {
    "paired": "of one run, pair by pair",
    "unpaired": "of two runs, each beside its own original, not in pairs",
    "apart": "not measured alike",
}
# Of a sparkline.
_BARS = 40

PARETO_HEADERS = ("variant", ">MB", ">speed-up, 95 %", "sound", ">PESQ", "dominated by")
DOMINATED = "dominated: no better in size, speed and sound, and worse in one of them"


def comparison_headers(results: Sequence[Result]) -> tuple[str, ...]:
    return ("", *(f">{result.id[:8]}" for result in results))


def comparison_rows(results: Sequence[Result], comparisons: Sequence[Comparison]) -> list[tuple[str, ...]]:
    """A row a figure, a column a result: `80.5  0.85x` has the ratio to the first one's behind it."""
    ratios: list[dict[str, float]] = [{}, *(comparison.ratios for comparison in comparisons)]
    facts = (
        ("voice", [result.voice for result in results]),
        ("variant", [result.variant for result in results]),
        ("threads", [str(result.threads) for result in results]),
        ("measured", [moment(result.created_at) for result in results]),
        ("on", [shortened(result.machine_facts["cpu"]) for result in results]),
    )
    rows = [(label, *cells) for label, cells in facts]
    for metric in METRICS:
        values = [figure(metric.of(result), metric.digits) for result in results]
        pairs = zip(values, ratios, strict=True)
        rows.append((metric.title, *(_cell(value, ratio.get(metric.field)) for value, ratio in pairs)))
    return [*rows, ("sound", *(result.grade or "–" for result in results))]


def _cell(value: str, ratio: float | None) -> str:
    return value if ratio is None else f"{value} {ratio:>6.2f}x"


def comparison_words(first: Result, comparisons: Sequence[Comparison]) -> list[str]:
    """Which is faster, where a rule allows to say it, and what sets the others apart."""
    results = [first, *(one.result for one in comparisons)]
    noisy = [result.id[:8] for result in results if result.noisy]
    busy = [f"measured while other work kept the machine busy: {', '.join(noisy)}"] if noisy else []
    return [*(_verdict(first, one) for one in comparisons), *busy]


def _verdict(first: Result, one: Comparison) -> str:
    names = f"{one.result.variant} ({one.result.id[:8]}) beside {first.variant} ({first.id[:8]})"
    apart = f" ({'; '.join(one.differs)})" if one.differs else ""
    says = _speed(one.speed) if one.speed else f"nothing is said of what is faster: {one.unknown}"
    return f"{names}, {_KINDS[one.kind]}{apart}: {says}"


def _speed(speed: Speed) -> str:
    if speed.interval:
        certain = f"95 % interval {speed.interval[0]:.2f}–{speed.interval[1]:.2f}"
    else:
        certain = f"Mann-Whitney p = {speed.p:.2g}"
    return f"{speed.verdict}, {speed.ratio:.2f}x as fast ({certain})"


def since_before(point: Point) -> str:
    """What is worse than it was, and what changed since the result before it."""
    regression = point.result.regression
    worse = [f"worse: {'; '.join(regression['worse'])}"] if regression else []
    return "; ".join([*worse, *point.changed])


def trend_figure(result: Result) -> float | None:
    """What a trend goes by: the speed-up; of the original, which speed-ups are measured by, its latency in ms."""
    return result.latency_ms if result.variant == ORIGINAL else result.speedup


def trend_line(one: Series) -> str:
    """`1.72x ▁▃▂█ 1.85x`: the latest of them, as many as a line has room for."""
    results = [point.result for point in one.points]
    known = [value for value in map(trend_figure, results) if value is not None]
    if not known:
        return "not timed"
    is_original = results[-1].variant == ORIGINAL
    first, last = (f"{value:.0f} ms" if is_original else f"{value:.2f}x" for value in (known[0], known[-1]))
    return f"{first} {sparkline(known[-_BARS:])} {last}"


def pareto_row(one: ParetoPoint) -> tuple[str, ...]:
    result = one.result
    return (
        result.variant,
        megabytes(result.size_bytes),
        speedup(result),
        result.grade or "–",
        figure(result.pesq, 2),
        ", ".join(one.dominated_by),
    )
