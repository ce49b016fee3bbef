"""How a sentence is cut into chunks: a short one, so that it is heard soon, then longer ones, since each costs an overlap."""

from collections.abc import Iterator
from dataclasses import dataclass

_FIRST, _LONGEST_FIRST = 16, 128
_MAX_GROWTH = 8.0
# Of the audio that is heard meanwhile, how long a chunk may take to compute: others need the CPU, too.
_SHARE = 0.5


@dataclass(frozen=True)
class Schedule:
    """Lengths of chunks in frames: each is `growth` times the one before."""

    first: int = _FIRST
    growth: float = _MAX_GROWTH

    def chunks(self, frames: int) -> Iterator[tuple[int, int]]:
        """Yield begin and end of each chunk. One that would be shorter than the first is added to the one before."""
        begin, length = 0, float(self.first)
        while begin < frames:
            end = begin + int(length)
            if frames - end < self.first:
                end = frames
            yield begin, end
            begin, length = end, length * self.growth


DEFAULT_SCHEDULE = Schedule()


def schedule_for(real_time_factor: float, overlap: int) -> Schedule:
    """Return the schedule with the shortest first chunk that lets each later chunk be ready before it is heard.

    The real-time factor is that of computing without overlap. If even long chunks are too slow, they are as long as allowed.
    """
    first = _FIRST
    while first < _LONGEST_FIRST and _growth(first, real_time_factor, overlap) < 1:
        first += 8
    return Schedule(first, float(min(_MAX_GROWTH, max(1.0, _growth(first, real_time_factor, overlap)))))


def _growth(first: int, real_time_factor: float, overlap: int) -> float:
    """Return how many times as long the second chunk may be: it is computed, with its overlap, while the first is heard."""
    return _SHARE / max(real_time_factor, 1e-6) - overlap / first
