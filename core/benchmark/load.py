"""The machine's load and clock beside a benchmark, and when a run counts as noisy."""

import time
from dataclasses import dataclass, field
from typing import Any, Self

import psutil

from core.hardware.throttling import throttle_count

# Others that take more than this share of the cores shift medians by about as much as the interval that is asked for.
_NOISY_SHARE = 0.10


@dataclass(frozen=True)
class LoadMeter:
    """Counts from `start` on what the processors did."""

    wall: float
    busy: float
    load_before: float
    throttled: int | None
    clocks: list[float] = field(default_factory=list)

    @classmethod
    def start(cls) -> Self:
        return cls(time.monotonic(), _busy_seconds(), psutil.getloadavg()[0], throttle_count())

    def look(self) -> None:
        """Note the clock of the cores; to be called while they work."""
        frequency = psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None
        if frequency and frequency.current:
            self.clocks.append(frequency.current)

    def stop(self, own_cpu_s: float) -> dict[str, Any]:
        """What was measured; `own_cpu_s` is the benchmark's own processor time, all its processes together.

        `others_share` is the share of all cores that anybody else took meanwhile (a hypervisor's theft included),
        `throttled` how often the processor slowed itself down for heat. The run is noisy when the one is above 0.10 or
        the other above 0; `noisy_because` says so in words. What the machine does not tell is None.
        """
        cores = psutil.cpu_count() or 1
        elapsed = time.monotonic() - self.wall
        others = max(0.0, _busy_seconds() - self.busy - own_cpu_s) / (elapsed * cores)
        throttled = None if self.throttled is None else (throttle_count() or 0) - self.throttled
        reasons = [f"others took {others:.0%} of the cores"] if others > _NOISY_SHARE else []
        reasons += [f"the processor throttled {throttled} times"] if throttled else []
        return {
            "load_before": self.load_before,
            "load_after": psutil.getloadavg()[0],
            "others_share": round(others, 4),
            "clock_mhz": [round(min(self.clocks)), round(max(self.clocks))] if self.clocks else None,
            "throttled": throttled,
            "noisy": bool(reasons),
            "noisy_because": reasons,
        }


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    # On Linux user time holds guest time already.
    return float(times.user + times.system + getattr(times, "nice", 0.0) + getattr(times, "steal", 0.0))
