"""Detect whether the processor was throttled because of heat."""

from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_COUNTERS = ("core_throttle_count", "package_throttle_count")


def throttle_count(root: Path = _CPUS) -> int | None:
    """Return how often any core or package was throttled since boot, None where Linux keeps no count."""
    counts = []
    for name in _COUNTERS:
        for counter in root.glob(f"cpu*/thermal_throttle/{name}"):
            try:
                counts.append(int(counter.read_text()))
            except (OSError, ValueError):
                continue
    return sum(counts) if counts else None
