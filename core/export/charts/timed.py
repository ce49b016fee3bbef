"""Results with a speed-up, which all charts show."""

from collections.abc import Iterable
from dataclasses import dataclass

from core.records.results import Result


@dataclass(frozen=True)
class Timed:
    """A result with its speed-up and 95 % interval."""

    result: Result
    speedup: float
    low: float
    high: float


def timed(results: Iterable[Result]) -> list[Timed]:
    """Return the results that have a speed-up."""
    return [
        Timed(result, result.speedup, *result.speedup_ci)
        for result in results
        if result.speedup is not None and result.speedup_ci is not None
    ]
