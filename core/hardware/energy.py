"""The processor's own count of the energy it takes: Intel's RAPL, as Linux shows it (AMD's processors have it, too)."""

import sys
from dataclasses import dataclass
from pathlib import Path

_POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class EnergyMeter:
    """The counters of all processor packages. They start again from 0 at `wraps`, in microjoules."""

    counters: tuple[Path, ...]
    wraps: tuple[int, ...]

    def read(self) -> tuple[int, ...]:
        """Each package's count, in microjoules."""
        return tuple(int(counter.read_text()) for counter in self.counters)

    def joules_since(self, before: tuple[int, ...]) -> float:
        """What all packages have taken since; right for less than one round of a counter, which takes minutes."""
        rounds = zip(before, self.read(), self.wraps, strict=True)
        return sum((after - earlier) % (wrap + 1) for earlier, after, wrap in rounds) / 1e6


def open_meter(root: Path = _POWERCAP) -> EnergyMeter | str:
    """The meter, or why there is none."""
    if sys.platform == "darwin":
        return "macOS tells its energy to root only"
    packages = [zone for zone in sorted(root.glob("*-rapl:*")) if _name(zone).startswith("package")]
    if not packages:
        return "this machine shows no energy counter (RAPL)"
    counters = tuple(zone / "energy_uj" for zone in packages)
    try:
        wraps = tuple(int((zone / "max_energy_range_uj").read_text()) for zone in packages)
        meter = EnergyMeter(counters, wraps)
        meter.read()
    except PermissionError:
        return f"{counters[0]} may be read by root only: chmod o+r it, if you trust all users of this machine"
    except (OSError, ValueError) as error:
        return f"the energy counter {counters[0]} cannot be read: {error}"
    return meter


def _name(zone: Path) -> str:
    try:
        return (zone / "name").read_text().strip()
    except OSError:
        return ""
