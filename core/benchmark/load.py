"""The machine's load and clock beside a benchmark, and how much of it others take."""

import time
from dataclasses import dataclass, field
from typing import Any, Self

import psutil

from core.hardware.throttling import throttle_count


@dataclass(frozen=True)
class ExternalLoad:
    """Looks, from `start` on, at what others take of the processor."""

    wall: float
    busy: float

    @classmethod
    def start(cls) -> Self:
        return cls(time.monotonic(), _busy_seconds())

    def others_share(self, own_cpu_s: float) -> float:
        """The share of all cores that anybody else took, a hypervisor's theft included.

        `own_cpu_s` is the benchmark's own processor time since the start, all its processes together.
        """
        elapsed = time.monotonic() - self.wall
        share = (_busy_seconds() - self.busy - own_cpu_s) / (elapsed * (psutil.cpu_count() or 1))
        # Kernels count in steps of 10 ms or so: over a short time that may come to less than nothing, or more than all.
        return min(1.0, max(0.0, share))


@dataclass(frozen=True)
class LoadMeter:
    """Counts from `start` on what the processors did."""

    bystander: ExternalLoad
    load_before: float
    throttled: int | None
    clocks: list[float] = field(default_factory=list)

    @classmethod
    def start(cls) -> Self:
        return cls(ExternalLoad.start(), psutil.getloadavg()[0], throttle_count())

    def look(self) -> None:
        """Note the clock of the cores; to be called while they work."""
        frequency = psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None
        if frequency and frequency.current:
            self.clocks.append(frequency.current)

    def stop(self, own_cpu_s: float) -> dict[str, Any]:
        """What was measured; `own_cpu_s` is the benchmark's own processor time, all its processes together.

        `throttled` is how often the processor slowed itself down for heat. What the machine does not tell is None.
        """
        throttled = None if self.throttled is None else (throttle_count() or 0) - self.throttled
        return {
            "load_before": self.load_before,
            "load_after": psutil.getloadavg()[0],
            "others_share": round(self.bystander.others_share(own_cpu_s), 4),
            "clock_mhz": [round(min(self.clocks)), round(max(self.clocks))] if self.clocks else None,
            "throttled": throttled,
        }


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    # On Linux user time holds guest time already.
    return float(times.user + times.system + getattr(times, "nice", 0.0) + getattr(times, "steal", 0.0))
