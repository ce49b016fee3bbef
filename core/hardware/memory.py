"""The peak memory of a process, and whether the machine ran out of memory."""

import resource
import sys
from pathlib import Path


def own_peak_rss_mb() -> float:
    """Return the peak resident memory of this process in MB (10^6 bytes)."""
    # On macOS ru_maxrss is in bytes, and an exec resets it.
    return peak_rss_mb("self") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def peak_rss_mb(pid: int | str) -> float | None:
    """Return the peak resident memory of a process in MB, None where the system does not report it.

    Linux: VmHWM, as `ru_maxrss` starts with the size of the process that this one was forked from.
    """
    if sys.platform != "linux":
        return None
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None


def out_of_memory_kills() -> int:
    """Return how many processes the kernel has killed because memory ran out; 0 where it keeps no count."""
    try:
        counters = Path("/proc/vmstat").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in counters.splitlines() if line.startswith("oom_kill ")), 0)
