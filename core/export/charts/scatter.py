"""Size against speed-up, the sound by colour and shape: what is small, fast and sounds well lies at the upper left."""

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
_LONGEST_LABEL = 24


@dataclass(frozen=True)
class Label:
    text: str
    start: float
    y: float

    @property
    def end(self) -> float:
        return self.start + len(self.text) * _LETTER

    def covers(self, other: "Label") -> bool:
        return abs(self.y - other.y) < _LINE and self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Spot:
    result: Result
    x: float
    y: float
    label: Label
    best: bool
    """None is better in size, speed or sound without being worse in another of them."""


@dataclass(frozen=True)
class Scatter:
    one: float
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    spots: list[Spot]


def scatter_chart(results: Sequence[Result]) -> Scatter | None:
    """Of results that compare, one a variant; None where nothing was timed."""
    shown = timed(results)
    if not shown:
        return None
    x_scale = Scale(0.0, max(_megabytes(one) for one in shown) * 1.06, _LEFT, WIDTH - _RIGHT)
    y_scale = Scale.over([*(one.speedup for one in shown), 1.0], HEIGHT - _BOTTOM, _TOP)
    dominated = {judged.result.id for judged in compute_pareto([one.result for one in shown]) if judged.dominated_by}
    spots: list[Spot] = []
    for one in sorted(shown, key=lambda one: one.speedup, reverse=True):
        x, y = x_scale(_megabytes(one)), y_scale(one.speedup)
        label = _label(one.result.variant, x, y, [spot.label for spot in spots])
        spots.append(Spot(one.result, x, y, label, best=one.result.id not in dominated))
    return Scatter(y_scale(1), x_scale.ticks(), y_scale.ticks(), spots)


def _megabytes(one: Timed) -> float:
    return one.result.size_bytes / 1e6


def _label(name: str, x: float, y: float, others: Sequence[Label]) -> Label:
    """On the side that has room, and lower than those that it would cover."""
    text = name if len(name) <= _LONGEST_LABEL else name[: _LONGEST_LABEL - 1] + "…"
    start = x + _GAP if x < WIDTH / 2 else x - _GAP - len(text) * _LETTER
    label = Label(text, round(start, 1), y + 4)
    for other in sorted(others, key=lambda other: other.y):
        if label.covers(other):
            label = replace(label, y=round(other.y + _LINE, 1))
    return label
