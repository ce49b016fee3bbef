"""How fast two variants are beside each other, from the pairs of the benchmark that measured both."""

from dataclasses import dataclass
from enum import StrEnum


class Unpaired(StrEnum):
    """Why two variants have no pairs in common."""

    DIFFERENT_RUNS = "measured in different runs"
    PRUNED = "the raw samples of their run were pruned"
    FEW_PAIRS = "their run has too few pairs of both"


@dataclass(frozen=True)
class PairedSpeed:
    """How many times as fast one variant is as another: median over their pairs, and its 95 % interval."""

    ratio: float
    interval: tuple[float, float]
