"""Which variants are worth having: smaller, faster or better sounding than every other in at least one way."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.quality.grade import GRADES
from core.records.results import Result

# What nobody notices is no difference: 1 % of a file, a tenth of a PESQ point. Speeds differ when their intervals lie apart.
_SAME_SIZE = 0.01
_SAME_PESQ = 0.1


@dataclass(frozen=True)
class ParetoPoint:
    """A variant's newest result, and the variants that are no worse in anything and better in something."""

    result: Result
    dominated_by: tuple[str, ...]


def compute_pareto(results: Sequence[Result]) -> list[ParetoPoint]:
    """Of one result a variant, all of one voice. What was not timed or not graded is neither dominated nor dominates."""
    known = [result for result in results if result.speedup_ci and result.grade]
    return [
        ParetoPoint(result, tuple(other.variant for other in known if result in known and _dominates(other, result)))
        for result in results
    ]


def _dominates(one: Result, other: Result) -> bool:
    ways = [_size(one, other), _speed(one, other), _sound(one, other)]
    return min(ways) >= 0 and max(ways) > 0


def _size(one: Result, other: Result) -> int:
    """1 where `one` is better, -1 where it is worse."""
    if abs(one.size_bytes - other.size_bytes) <= _SAME_SIZE * max(one.size_bytes, other.size_bytes):
        return 0
    return 1 if one.size_bytes < other.size_bytes else -1


def _speed(one: Result, other: Result) -> int:
    (low, high), (other_low, other_high) = one.speedup_ci or (0, 0), other.speedup_ci or (0, 0)
    return int(low > other_high) - int(high < other_low)


def _sound(one: Result, other: Result) -> int:
    """By the grade, and within a grade by PESQ where both have it."""
    place, other_place = GRADES.index(str(one.grade)), GRADES.index(str(other.grade))
    if place != other_place:
        return 1 if place < other_place else -1
    apart = (one.pesq or 0) - (other.pesq or 0) if one.pesq is not None and other.pesq is not None else 0
    return int(apart > _SAME_PESQ) - int(apart < -_SAME_PESQ)
