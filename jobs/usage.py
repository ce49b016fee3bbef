"""CPU and memory usage of the processes of a job."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from core.hardware.memory import peak_rss_mb


@dataclass(frozen=True)
class Usage:
    """The usage at one moment."""

    cpu_percent: float
    """CPU usage since the previous reading, in percent of one core."""
    rss_mb: float
    """Current memory of all processes."""
    peak_mb: float
    """Sum of the peak memory of each process."""


class UsageMeter:
    """Measures a process and all its descendants."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._read_at, self._cpu_s = time.monotonic(), 0.0

    def read(self) -> Usage:
        """Return the current usage. Raises psutil.NoSuchProcess if the process is gone."""
        readings = list(_read_all([self._root, *self._root.children(recursive=True)]))
        now, cpu_s = time.monotonic(), sum(reading[0] for reading in readings)
        # The CPU time of a process that ended without being waited for is lost, so the sum may fall.
        percent = max(0.0, cpu_s - self._cpu_s) / max(now - self._read_at, 1e-3) * 100
        self._read_at, self._cpu_s = now, cpu_s
        return Usage(percent, sum(reading[1] for reading in readings), sum(reading[2] for reading in readings))


def _read_all(processes: list[psutil.Process]) -> Iterator[tuple[float, float, float]]:
    """Yield CPU seconds, memory and peak memory in MB of each process that still runs."""
    for process in processes:
        try:
            times, rss = process.cpu_times(), process.memory_info().rss / 1e6
            cpu = times.user + times.system + times.children_user + times.children_system
            yield cpu, rss, max(rss, peak_rss_mb(process.pid) or 0.0)
        except (psutil.Error, OSError):
            continue
