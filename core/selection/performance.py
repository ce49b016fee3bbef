"""The performance of a variant in its newest benchmark, as far as a selection depends on it."""

from dataclasses import dataclass

from core.quality.grade import GRADES

_BEST_FIRST = (*GRADES, None)
_GOOD = ("transparent", "slight")


@dataclass(frozen=True)
class Performance:
    """The speed-up over the original with its 95 % interval, and the sound grade."""

    speedup: float
    interval: tuple[float, float]
    grade: str | None
    noisy: bool = False
    limits: tuple[str, ...] = ()
    """What limited the worker that measured it, in words."""
    texts: str | None = None
    """The name of the texts it was measured with, if they are not those in the voice's language as written."""

    @property
    def sounds_good(self) -> bool:
        """Return whether the grade is slight or better."""
        return self.grade in _GOOD

    def sounds_better_than(self, other: "Performance") -> bool:
        """Compare the grades; a result without one ranks last."""
        return _BEST_FIRST.index(self.grade) < _BEST_FIRST.index(other.grade)

    def sounds_no_worse_than(self, other: "Performance") -> bool:
        """Compare the grades; a result without one ranks last."""
        return not other.sounds_better_than(self)

    def is_faster_than(self, other: "Performance") -> bool:
        """Return whether the intervals do not overlap and this one is higher."""
        return self.interval[0] > other.interval[1]
