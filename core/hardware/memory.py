"""The most memory that a process ever held, and whether the machine ran out of it."""

import resource
import sys
from pathlib import Path


def own_peak_rss_mb() -> float:
    """This process's own peak resident memory in MB (10^6 bytes)."""
    # macOS counts bytes, and an exec starts the count anew.
    return peak_rss_mb("self") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def peak_rss_mb(pid: int | str) -> float | None:
    """The peak resident memory of a process in MB, None where it is not told.

    On Linux VmHWM: `ru_maxrss` starts there with the size of the process that this one was forked from.
    """
    if sys.platform != "linux":
        return None
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None


def out_of_memory_kills() -> int:
    """How often the kernel has ended a process because memory ran out; always 0 where it does not count."""
    try:
        counters = Path("/proc/vmstat").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in counters.splitlines() if line.startswith("oom_kill ")), 0)
