"""The machine's load beside a benchmark, and when a run counts as noisy."""

import time
from dataclasses import dataclass
from typing import Any, Self

import psutil

# Others that take more than this share of the cores shift medians by about as much as the interval that is asked for.
_NOISY_SHARE = 0.10


@dataclass(frozen=True)
class LoadMeter:
    """Counts from `start` on what the processors did."""

    wall: float
    busy: float
    load_before: float

    @classmethod
    def start(cls) -> Self:
        return cls(time.monotonic(), _busy_seconds(), psutil.getloadavg()[0])

    def stop(self, own_cpu_s: float) -> dict[str, Any]:
        """What was measured; `own_cpu_s` is the benchmark's own processor time, all its processes together.

        `others_share` is the share of all cores that anybody else took meanwhile (a hypervisor's theft included); above
        0.10 the run is noisy.
        """
        cores = psutil.cpu_count() or 1
        elapsed = time.monotonic() - self.wall
        others = max(0.0, _busy_seconds() - self.busy - own_cpu_s) / (elapsed * cores)
        return {
            "load_before": self.load_before,
            "load_after": psutil.getloadavg()[0],
            "others_share": round(others, 4),
            "noisy": others > _NOISY_SHARE,
        }


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    # On Linux user time holds guest time already.
    return float(times.user + times.system + getattr(times, "nice", 0.0) + getattr(times, "steal", 0.0))
