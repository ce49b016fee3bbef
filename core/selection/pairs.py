"""The speed of two variants relative to each other, from the pairs of the benchmark that measured both."""

from dataclasses import dataclass
from enum import StrEnum


class Unpaired(StrEnum):
    """The reasons why two variants have no pairs to compare. The values are shown to the user."""

    DIFFERENT_TEXTS = "measured with different texts"
    DIFFERENT_RUNS = "measured in different runs"
    PRUNED = "the raw samples of their run were pruned"
    FEW_PAIRS = "their run has too few common pairs"


@dataclass(frozen=True)
class PairedSpeed:
    """How many times as fast one variant is as another: the median over their pairs, and its 95 % interval."""

    ratio: float
    interval: tuple[float, float]
