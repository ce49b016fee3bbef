"""The rules for calling a variant faster or slower, and for calling a metric changed."""

from dataclasses import dataclass
from typing import Literal

SpeedVerdict = Literal["faster", "slower", "no difference"]

# Nobody notices 3 %, and the speed of a machine that is not kept idle varies by as much.
SMALLEST_EFFECT = 0.03
LOW, HIGH = 0.97, 1.03


@dataclass(frozen=True)
class MedianChange:
    """The change of a metric between two runs: later median / earlier median, and the p-value of the difference."""

    verdict: Literal["higher", "lower", "no difference"]
    ratio: float
    p: float


def speed_verdict(interval: tuple[float, float]) -> SpeedVerdict:
    """Return "faster" or "slower" only if the whole 95 % interval of the speed-up lies outside 0.97-1.03."""
    low, high = interval
    if low > HIGH:
        return "faster"
    if high < LOW:
        return "slower"
    return "no difference"
