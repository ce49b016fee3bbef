"""A line chart of speed-ups on one machine over time, one line per variant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from core.clock import parse_timestamp
from core.export.charts.scale import WIDTH, Scale, Tick
from core.export.charts.timed import timed
from core.history.trend import versions_changed
from core.records.results import Result
from core.records.voices import ORIGINAL

HEIGHT = 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 12, 18, 28


@dataclass(frozen=True)
class Dot:
    """A result on the chart."""

    result: Result
    x: float
    y: float


@dataclass(frozen=True)
class Line:
    """The results of a variant. Only those of one environment and benchmark version are joined."""

    variant: str
    dots: list[Dot]
    joined: list[list[Dot]]


@dataclass(frozen=True)
class EnvironmentChange:
    """A point in time at which the environment changed."""

    x: float
    when: str
    text: str


@dataclass(frozen=True)
class Trend:
    """The layout of the chart."""

    one: float
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    lines: list[Line]
    changes: list[EnvironmentChange]

    @property
    def worse(self) -> list[Dot]:
        """Return the results that are regressions."""
        return [dot for line in self.lines for dot in line.dots if dot.result.regression]


def trend_chart(by_variant: Mapping[str, Sequence[Result]]) -> Trend | None:
    """Lay out results of one machine and thread count, oldest first; None if no variant was timed twice.

    The original is left out: its speed-up is always 1.
    """
    shown = {variant: timed(results) for variant, results in by_variant.items() if variant != ORIGINAL}
    shown = {variant: found for variant, found in shown.items() if len(found) > 1}
    every = sorted((one for found in shown.values() for one in found), key=lambda one: one.result.created_at)
    if not every:
        return None
    x_scale = Scale.over([_moment(one.result) for one in every], _LEFT, WIDTH - _RIGHT)
    y_scale = Scale.over([*(one.speedup for one in every), 1.0], HEIGHT - _BOTTOM, _TOP)
    changes = [
        EnvironmentChange(x_scale(_moment(after.result)), after.result.created_at, ", ".join(changed))
        for before, after in pairwise(every)
        if (changed := versions_changed(before.result.environment, after.result.environment))
    ]
    lines = [
        _line(variant, [Dot(one.result, x_scale(_moment(one.result)), y_scale(one.speedup)) for one in found])
        for variant, found in shown.items()
    ]
    return Trend(y_scale(1), x_scale.dates(), y_scale.ticks(), lines, changes)


def _line(variant: str, dots: list[Dot]) -> Line:
    by_version: dict[str, list[Dot]] = {}
    for dot in dots:
        by_version.setdefault(dot.result.benchmark_version, []).append(dot)
    runs = [list(run) for same in by_version.values() for _, run in groupby(same, lambda dot: dot.result.environment)]
    return Line(variant, dots, joined=[run for run in runs if len(run) > 1])


def _moment(result: Result) -> float:
    return parse_timestamp(result.created_at).timestamp()
