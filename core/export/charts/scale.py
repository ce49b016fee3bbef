"""Scales, which map values to positions on a chart, and their ticks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

WIDTH = 420
"""Width of every chart: about that of a phone, so that labels are legible, and two fit side by side on a screen."""
_DAY_S = 86400


@dataclass(frozen=True)
class Tick:
    """A labelled position on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` to positions from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> Self:
        """Return a scale that covers the values with a margin on both sides."""
        low, high = min(values), max(values)
        room = (high - low) * 0.06 or max(abs(high), 1.0) * 0.05
        return cls(low - room, high + room, start, end)

    def __call__(self, value: float) -> float:
        """Return the position of a value."""
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    def ticks(self, limit: int = 8) -> list[Tick]:
        """Return at most about `limit` ticks in steps of 1, 2 or 5."""
        rough = (self.high - self.low) / limit
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
        digits = max(0, -math.floor(math.log10(step)))
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [Tick(self(number * step), f"{number * step:.{digits}f}") for number in range(first, last + 1)]

    def dates(self, count: int = 4) -> list[Tick]:
        """Return ticks for values in seconds since the epoch."""
        form = "%Y-%m-%d" if self.high - self.low > 2 * _DAY_S else "%m-%d %H:%M"
        step = (self.high - self.low) / count
        moments = [self.low + step * (number + 0.5) for number in range(count)]
        return [Tick(self(moment), datetime.fromtimestamp(moment, UTC).strftime(form)) for moment in moments]
