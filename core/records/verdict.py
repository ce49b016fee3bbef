"""When a speed-up is called one, and when a figure counts as changed."""

from dataclasses import dataclass
from typing import Literal

SpeedVerdict = Literal["faster", "slower", "no difference"]

# Within 3 % nobody notices, and machines that are not kept idle wander as far by themselves.
SMALLEST_EFFECT = 0.03
LOW, HIGH = 0.97, 1.03


@dataclass(frozen=True)
class MedianChange:
    """Of a figure between two runs: `ratio` is the later median by the earlier one, `p` how likely chance alone did it."""

    verdict: Literal["higher", "lower", "no difference"]
    ratio: float
    p: float


def speed_verdict(interval: tuple[float, float]) -> SpeedVerdict:
    """ "faster" or "slower" only when the whole 95 % interval of the speed-up lies outside 0.97-1.03."""
    low, high = interval
    if low > HIGH:
        return "faster"
    if high < LOW:
        return "slower"
    return "no difference"
