"""What past results on a machine say of a variant before it is made again."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from core.quality.grade import GRADES

if TYPE_CHECKING:
    from core.store.results import Result


@dataclass(frozen=True)
class Forecast:
    """Medians over past benchmarks, each at the most threads that it was run with."""

    speedup: float
    grade: str | None
    runs: int

    def __str__(self) -> str:
        sound = f", sound {self.grade}" if self.grade else ""
        return f"{self.speedup:.1f}x{sound}, from {self.runs} past run{'s' if self.runs > 1 else ''} here"


def forecast(results: Iterable["Result"], machine: str, recipe: str, variant: str) -> Forecast | None:
    """None where this machine has measured nothing of the kind. Whatever the voice: what counts is how it was made."""
    of_run: dict[str, Result] = {}
    for result in results:
        same = (result.machine, result.recipe, result.variant) == (machine, recipe, variant)
        if same and result.stock and result.speedup is not None:
            known = of_run.get(result.benchmark_id)
            if known is None or result.threads > known.threads:
                of_run[result.benchmark_id] = result
    if not of_run:
        return None
    grades = sorted(GRADES.index(result.grade) for result in of_run.values() if result.grade)
    # Of two in the middle the worse one.
    grade = GRADES[grades[len(grades) // 2]] if grades else None
    return Forecast(median(result.speedup or 0.0 for result in of_run.values()), grade, len(of_run))
