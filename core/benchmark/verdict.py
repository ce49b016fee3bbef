"""When a speed-up is called one."""

from typing import Literal

Verdict = Literal["faster", "slower", "no difference"]

# Within 3 % nobody notices, and machines that are not kept idle wander as far by themselves.
LOW, HIGH = 0.97, 1.03


def verdict(interval: tuple[float, float]) -> Verdict:
    """ "faster" or "slower" only when the whole 95 % interval of the speed-up lies outside 0.97-1.03."""
    low, high = interval
    if low > HIGH:
        return "faster"
    if high < LOW:
        return "slower"
    return "no difference"
