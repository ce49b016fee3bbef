"""The most memory that this process ever held."""

import resource
import sys
from pathlib import Path


def peak_rss_mb() -> float:
    """This process's own peak resident memory in MB (10^6 bytes).

    On Linux VmHWM: `ru_maxrss` starts there with the size of the process that this one was forked from.
    """
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    # macOS counts bytes, and an exec starts the count anew.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
