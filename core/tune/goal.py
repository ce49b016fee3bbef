"""What is wanted of a tuned voice, and how far a measured one is from it."""

from dataclasses import dataclass, replace
from enum import StrEnum

from core.errors import InvalidInput
from core.quality.grade import GRADES

SLIGHT = "slight"
# The bound of the goal `fastest` if none is given.
_PESQ_OF_FASTEST = 4.0
# Where PESQ cannot be measured: what an error of a frame in every duration is worth.
_DB_PER_FRAME = 13.0
# What PESQ, a megabyte or a hundredth of the speed weigh beside each other in how far off something is.
_PESQ_UNIT, _MB_UNIT, _SPEED_UNIT, _GRADE_UNIT = 0.1, 1.0, 0.1, 0.2


class Aim(StrEnum):
    """What is to be as good as possible."""

    SMALLEST = "smallest"
    FASTEST = "fastest"
    BEST = "best"


@dataclass(frozen=True)
class Figures:
    """What was measured of a voice with one choice of schemes."""

    size_bytes: int
    speedup: float
    """By the CPU time of one thread, relative to the original."""
    grade: str
    drift_pct: float
    duration_error: float
    """In frames, the mean of the predicted durations before they are rounded; 0 where they were spoken, not computed."""
    mel_db: float
    pesq: float | None
    """None where it cannot be measured, as without the package pesq."""
    worst_pesq: float | None

    @property
    def mb(self) -> float:
        """Return the size in MB."""
        return self.size_bytes / 1e6

    @property
    def loss(self) -> float:
        """Return how much of the sound is lost, as a figure that is lower for what is nearer to the original."""
        return self.mel_db + _DB_PER_FRAME * self.duration_error if self.pesq is None else -self.pesq

    def __str__(self) -> str:
        sound = f"{self.mel_db:.2f} dB mel distance" if self.pesq is None else f"PESQ {self.pesq:.2f}"
        worst = "" if self.worst_pesq is None else f" (worst {self.worst_pesq:.2f})"
        return (
            f"{self.mb:.2f} MB, {sound}{worst}, drift {self.drift_pct:.2f} %, {self.speedup:.2f}x, sound {self.grade}"
        )


@dataclass(frozen=True)
class Goal:
    """The aim, and the bounds that must be kept. The sound is never worse than slightly different."""

    aim: Aim
    min_pesq: float | None = None
    max_mb: float | None = None
    min_speedup: float = 1.0

    def shortfall(self, figures: Figures) -> float:
        """Return how far the figures are from the bounds; 0 if they keep them all."""
        missing = max(0.0, self.min_speedup - figures.speedup) / _SPEED_UNIT
        missing += max(0, GRADES.index(figures.grade) - GRADES.index(SLIGHT)) / _GRADE_UNIT
        if self.max_mb is not None:
            missing += max(0.0, figures.mb - self.max_mb) / _MB_UNIT
        if self.min_pesq is not None and figures.pesq is not None:
            missing += max(0.0, self.min_pesq - figures.pesq) / _PESQ_UNIT
        return missing

    def cost(self, figures: Figures) -> float:
        """Return what is to be small among those that keep the bounds."""
        match self.aim:
            case Aim.SMALLEST:
                return figures.mb
            case Aim.FASTEST:
                return 1 / figures.speedup
            case Aim.BEST:
                return figures.loss

    def rank(self, figures: Figures) -> tuple[float, float]:
        """Return a key that is lower for what is nearer to the goal."""
        return self.shortfall(figures), self.cost(figures)

    def stricter(self, pesq: float) -> "Goal":
        """Return the goal with a higher bound of PESQ, for figures that flatter by as much."""
        return self if self.min_pesq is None else replace(self, min_pesq=self.min_pesq + pesq)

    def __str__(self) -> str:
        bounds = [f"sound {SLIGHT} or better", f"at least {self.min_speedup:g}x"]
        if self.min_pesq is not None:
            bounds.append(f"PESQ {self.min_pesq:g}")
        if self.max_mb is not None:
            bounds.append(f"at most {self.max_mb:g} MB")
        return f"the {self.aim} with {', '.join(bounds)}"


def read_goal(aim: str, pesq: float | None, mb: float | None) -> Goal:
    """Return the goal of these parameters. Raises InvalidInput."""
    wanted = Aim(aim)
    if wanted is Aim.BEST and mb is None:
        raise InvalidInput("goal=best needs a size that it may have: add --param mb=12")
    if wanted is Aim.FASTEST and pesq is None:
        pesq = _PESQ_OF_FASTEST
    return Goal(wanted, pesq, mb)
