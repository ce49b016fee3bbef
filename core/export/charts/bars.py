"""A bar chart of speed-ups with their 95 % intervals, and a line at 1 for the original."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.export.charts.scale import WIDTH, Scale, Tick
from core.export.charts.timed import timed
from core.records.results import Result

_ROW, _BOTTOM, _SIDE = 40, 24, 10


@dataclass(frozen=True)
class Bar:
    """A row of text with a bar below; `y` is the top of the row."""

    result: Result
    y: int
    end: float
    low: float
    high: float


@dataclass(frozen=True)
class Bars:
    """The layout of the chart."""

    height: int
    start: float
    one: float
    ticks: list[Tick]
    bars: list[Bar]


def bar_chart(results: Sequence[Result]) -> Bars | None:
    """Lay out comparable results in their order; None if none was timed."""
    shown = timed(results)
    if not shown:
        return None
    scale = Scale(0.0, max(1.0, *(one.high for one in shown)) * 1.04, _SIDE, WIDTH - _SIDE)
    return Bars(
        height=_ROW * len(shown) + _BOTTOM,
        start=scale(0),
        one=scale(1),
        ticks=scale.ticks(),
        bars=[
            Bar(one.result, _ROW * row, scale(one.speedup), scale(one.low), scale(one.high))
            for row, one in enumerate(shown)
        ],
    )
