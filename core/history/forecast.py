"""Forecasts of a variant's speed-up, quality and size, from past results on the same machine."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from core.quality.grade import GRADES

if TYPE_CHECKING:
    from core.records.results import Result


@dataclass(frozen=True)
class Forecast:
    """Medians over past benchmarks, each at its highest thread count."""

    speedup: float
    grade: str | None
    runs: int
    size_share: float | None = None
    """The variant's size as a share of the original's; None if no original was measured beside it."""

    def __str__(self) -> str:
        return self.of(None)

    def of(self, size_bytes: int | None) -> str:
        """Return the forecast as text, with the expected size for an original of `size_bytes`."""
        share = self.size_share
        size = f", about {size_bytes * share / 1e6:.1f} MB" if size_bytes and share else ""
        sound = f", sound {self.grade}" if self.grade else ""
        return f"{self.speedup:.1f}x{size}{sound}, from {self.runs} past run{'s' if self.runs > 1 else ''} here"


def forecast(results: Iterable["Result"], machine: str, recipe: str, variant: str) -> Forecast | None:
    """Return a forecast from results of any voice, or None if this machine has not measured such a variant.

    Results of originals among them provide the size share.
    """
    by_run: dict[str, Result] = {}
    originals: dict[str, int] = {}
    for result in results:
        if result.recipe is None:
            originals[result.benchmark_id] = result.size_bytes
        same = (result.machine, result.recipe, result.variant) == (machine, recipe, variant)
        if same and result.stock and result.speedup is not None:
            known = by_run.get(result.benchmark_id)
            if known is None or result.threads > known.threads:
                by_run[result.benchmark_id] = result
    if not by_run:
        return None
    shares = [result.size_bytes / originals[run] for run, result in by_run.items() if originals.get(run)]
    return Forecast(
        speedup=median(result.speedup or 0.0 for result in by_run.values()),
        grade=_median_grade([result.grade for result in by_run.values() if result.grade]),
        runs=len(by_run),
        size_share=median(shares) if shares else None,
    )


def _median_grade(grades: Sequence[str]) -> str | None:
    """Return the median grade; of two in the middle, the worse."""
    places = sorted(GRADES.index(grade) for grade in grades)
    return GRADES[places[len(places) // 2]] if places else None
