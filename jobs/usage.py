"""What the processes of a job take of the machine."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from core.hardware.memory import peak_rss_mb


@dataclass(frozen=True)
class Usage:
    """One reading."""

    cpu_percent: float
    """Of one core, since the reading before."""
    rss_mb: float
    """All its processes together, now."""
    peak_mb: float
    """The peaks of those processes together."""


class UsageMeter:
    """Reads a process and all that it has started."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._at, self._cpu = time.monotonic(), 0.0

    def read(self) -> Usage:
        """Raises psutil.NoSuchProcess when the process is gone."""
        readings = list(_read_all([self._root, *self._root.children(recursive=True)]))
        at, cpu = time.monotonic(), sum(reading[0] for reading in readings)
        # What ended in between, and was not waited for, takes its share with it.
        percent = max(0.0, cpu - self._cpu) / max(at - self._at, 1e-3) * 100
        self._at, self._cpu = at, cpu
        return Usage(percent, sum(reading[1] for reading in readings), sum(reading[2] for reading in readings))


def _read_all(processes: list[psutil.Process]) -> Iterator[tuple[float, float, float]]:
    """CPU seconds, memory and peak memory in MB of each that still lives."""
    for process in processes:
        try:
            times, rss = process.cpu_times(), process.memory_info().rss / 1e6
            cpu = times.user + times.system + times.children_user + times.children_system
            yield cpu, rss, max(rss, peak_rss_mb(process.pid) or 0.0)
        except (psutil.Error, OSError):
            continue
