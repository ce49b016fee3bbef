"""The Pareto front of a voice: variants that no other beats in size, speed and sound."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.quality.grade import GRADES
from core.records.results import Result

# Differences that nobody notices do not count: 1 % of a file, 0.1 PESQ. Speeds differ if their intervals do not overlap.
_SAME_SIZE = 0.01
_SAME_PESQ = 0.1


@dataclass(frozen=True)
class ParetoPoint:
    """The newest result of a variant, and the variants that are at least as good in everything and better in something."""

    result: Result
    dominated_by: tuple[str, ...]


def compute_pareto(results: Sequence[Result]) -> list[ParetoPoint]:
    """Return a point for each result, given one per variant of a voice.

    Untimed and ungraded ones neither dominate nor are dominated, and none dominates one that spoke other texts.
    """
    known = [result for result in results if result.speedup_ci and result.grade]
    return [
        ParetoPoint(result, tuple(other.variant for other in known if result in known and _dominates(other, result)))
        for result in results
    ]


def _dominates(one: Result, other: Result) -> bool:
    if one.text_set != other.text_set:
        return False
    signs = [_size(one, other), _speed(one, other), _sound(one, other)]
    return min(signs) >= 0 and max(signs) > 0


def _size(one: Result, other: Result) -> int:
    """Return 1 if `one` is better, -1 if it is worse, 0 if neither; `_speed` and `_sound` do the same."""
    if abs(one.size_bytes - other.size_bytes) <= _SAME_SIZE * max(one.size_bytes, other.size_bytes):
        return 0
    return 1 if one.size_bytes < other.size_bytes else -1


def _speed(one: Result, other: Result) -> int:
    (low, high), (other_low, other_high) = one.speedup_ci or (0, 0), other.speedup_ci or (0, 0)
    return int(low > other_high) - int(high < other_low)


def _sound(one: Result, other: Result) -> int:
    """Compare by grade, within a grade by PESQ if both have it."""
    rank, other_rank = GRADES.index(str(one.grade)), GRADES.index(str(other.grade))
    if rank != other_rank:
        return 1 if rank < other_rank else -1
    if one.pesq is None or other.pesq is None:
        return 0
    difference = one.pesq - other.pesq
    return int(difference > _SAME_PESQ) - int(difference < -_SAME_PESQ)
