"""A scatter chart of size against speed-up; color and shape show the grade of the sound."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.export.charts.scale import WIDTH, Scale, Tick
from core.export.charts.timed import Timed, timed
from core.history.pareto import compute_pareto
from core.records.results import Result

HEIGHT = 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 12, 14, 40
_LINE = 12
_LETTER = 6.0
_GAP = 11
_MAX_LABEL = 24


@dataclass(frozen=True)
class Label:
    """A text next to a spot."""

    text: str
    start: float
    y: float

    @property
    def end(self) -> float:
        """Return the right edge."""
        return self.start + len(self.text) * _LETTER

    def covers(self, other: "Label") -> bool:
        """Return whether the two overlap."""
        return abs(self.y - other.y) < _LINE and self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Spot:
    """A result on the chart."""

    result: Result
    x: float
    y: float
    label: Label
    best: bool
    """Whether it is on the Pareto front."""


@dataclass(frozen=True)
class Scatter:
    """The layout of the chart."""

    one: float
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    spots: list[Spot]


def scatter_chart(results: Sequence[Result]) -> Scatter | None:
    """Lay out comparable results, one per variant; None if none was timed."""
    shown = timed(results)
    if not shown:
        return None
    x_scale = Scale(0.0, max(_megabytes(one) for one in shown) * 1.06, _LEFT, WIDTH - _RIGHT)
    y_scale = Scale.over([*(one.speedup for one in shown), 1.0], HEIGHT - _BOTTOM, _TOP)
    dominated = {point.result.id for point in compute_pareto([one.result for one in shown]) if point.dominated_by}
    spots: list[Spot] = []
    for one in sorted(shown, key=lambda one: one.speedup, reverse=True):
        x, y = x_scale(_megabytes(one)), y_scale(one.speedup)
        label = _label(one.result.variant, x, y, [spot.label for spot in spots])
        spots.append(Spot(one.result, x, y, label, best=one.result.id not in dominated))
    return Scatter(y_scale(1), x_scale.ticks(), y_scale.ticks(), spots)


def _megabytes(one: Timed) -> float:
    return one.result.size_bytes / 1e6


def _label(name: str, x: float, y: float, others: Sequence[Label]) -> Label:
    """Place a label on the side that has room, below any labels that it would cover."""
    text = name if len(name) <= _MAX_LABEL else name[: _MAX_LABEL - 1] + "…"
    start = x + _GAP if x < WIDTH / 2 else x - _GAP - len(text) * _LETTER
    label = Label(text, round(start, 1), y + 4)
    for other in sorted(others, key=lambda other: other.y):
        if label.covers(other):
            label = replace(label, y=round(other.y + _LINE, 1))
    return label
