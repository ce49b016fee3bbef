"""What past results on a machine say of a variant before it is made again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from core.quality.grade import GRADES

if TYPE_CHECKING:
    from core.records.results import Result


@dataclass(frozen=True)
class Forecast:
    """Medians over past benchmarks, each at the most threads that it was run with."""

    speedup: float
    grade: str | None
    runs: int
    size_share: float | None = None
    """Of the original's size; None where no original stood beside it."""

    def __str__(self) -> str:
        return self.of(None)

    def of(self, size_bytes: int | None) -> str:
        """The same with the size that it would have, of an original with that size."""
        share = self.size_share
        size = f", about {size_bytes * share / 1e6:.1f} MB" if size_bytes and share else ""
        sound = f", sound {self.grade}" if self.grade else ""
        return f"{self.speedup:.1f}x{size}{sound}, from {self.runs} past run{'s' if self.runs > 1 else ''} here"


def forecast(results: Iterable["Result"], machine: str, recipe: str, variant: str) -> Forecast | None:
    """None where this machine has measured nothing of the kind. Whatever the voice: what counts is how it was made.

    Originals among the results tell by how much smaller the variant is.
    """
    of_run: dict[str, Result] = {}
    originals: dict[str, int] = {}
    for result in results:
        if result.recipe is None:
            originals[result.benchmark_id] = result.size_bytes
        same = (result.machine, result.recipe, result.variant) == (machine, recipe, variant)
        if same and result.stock and result.speedup is not None:
            known = of_run.get(result.benchmark_id)
            if known is None or result.threads > known.threads:
                of_run[result.benchmark_id] = result
    if not of_run:
        return None
    shares = [result.size_bytes / originals[run] for run, result in of_run.items() if originals.get(run)]
    return Forecast(
        speedup=median(result.speedup or 0.0 for result in of_run.values()),
        grade=_middle([result.grade for result in of_run.values() if result.grade]),
        runs=len(of_run),
        size_share=median(shares) if shares else None,
    )


def _middle(grades: Sequence[str]) -> str | None:
    """Of two in the middle the worse one."""
    places = sorted(GRADES.index(grade) for grade in grades)
    return GRADES[places[len(places) // 2]] if places else None
