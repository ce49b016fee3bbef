"""Load and clock of the machine during a benchmark, and the share of it that other processes use."""

import time
from dataclasses import dataclass, field
from typing import Any, Self

import psutil

from core.hardware.throttling import throttle_count


@dataclass(frozen=True)
class ExternalLoad:
    """Measures, from `start` on, how much of the processor other processes use."""

    wall: float
    busy: float

    @classmethod
    def start(cls) -> Self:
        """Start measuring."""
        return cls(time.monotonic(), _busy_seconds())

    def share(self, own_cpu_s: float) -> float:
        """Return the share of all cores that others used since the start, 0..1, including time stolen by a hypervisor.

        `own_cpu_s` is the CPU time of all processes of the benchmark since the start.
        """
        elapsed = time.monotonic() - self.wall
        share = (_busy_seconds() - self.busy - own_cpu_s) / (elapsed * (psutil.cpu_count() or 1))
        # Kernels count in steps of about 10 ms, so a short interval may come out below 0 or above 1.
        return min(1.0, max(0.0, share))


@dataclass(frozen=True)
class LoadMeter:
    """Measures, from `start` on, load, clock and throttling of the processor."""

    external: ExternalLoad
    load_before: float
    throttled: int | None
    clocks: list[float] = field(default_factory=list)

    @classmethod
    def start(cls) -> Self:
        """Start measuring."""
        return cls(ExternalLoad.start(), psutil.getloadavg()[0], throttle_count())

    def sample_clock(self) -> None:
        """Record the clock rate of the cores. Call it while they work."""
        frequency = psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None
        if frequency and frequency.current:
            self.clocks.append(frequency.current)

    def stop(self, own_cpu_s: float) -> dict[str, Any]:
        """Return what was measured. `own_cpu_s` is the CPU time of all processes of the benchmark.

        `throttled` is how often the processor reduced its clock because of heat. Values that the machine does not
        report are None.
        """
        throttled = None if self.throttled is None else (throttle_count() or 0) - self.throttled
        return {
            "load_before": self.load_before,
            "load_after": psutil.getloadavg()[0],
            "others_share": round(self.external.share(own_cpu_s), 4),
            "clock_mhz": [round(min(self.clocks)), round(max(self.clocks))] if self.clocks else None,
            "throttled": throttled,
        }


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    # On Linux, user time includes guest time.
    return float(times.user + times.system + getattr(times, "nice", 0.0) + getattr(times, "steal", 0.0))
