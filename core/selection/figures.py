"""What a benchmark found of a candidate, as far as a selection needs it."""

from dataclasses import dataclass

from core.quality.grade import GRADES

_GRADES = (*GRADES, None)
_GOOD = ("transparent", "slight")


@dataclass(frozen=True)
class Figures:
    """Beside the original: the speed-up with its 95 % interval, and the grade of the sound."""

    speedup: float
    interval: tuple[float, float]
    grade: str | None
    noisy: bool = False

    @property
    def sounds_good(self) -> bool:
        """Slight or better."""
        return self.grade in _GOOD

    def sounds_better_than(self, other: "Figures") -> bool:
        return _GRADES.index(self.grade) < _GRADES.index(other.grade)

    def sounds_no_worse_than(self, other: "Figures") -> bool:
        return not other.sounds_better_than(self)

    def is_faster_than(self, other: "Figures") -> bool:
        """Only when the intervals lie apart."""
        return self.interval[0] > other.interval[1]
