"""The energy counters of the processor: Intel's RAPL as Linux exposes it, also for AMD."""

import sys
from dataclasses import dataclass
from pathlib import Path

_POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class EnergyMeter:
    """The counters of all processor packages in microjoules. Each wraps around to 0 after its value in `wraps`."""

    counters: tuple[Path, ...]
    wraps: tuple[int, ...]

    def read(self) -> tuple[int, ...]:
        """Return the count of each package, in microjoules."""
        return tuple(int(counter.read_text()) for counter in self.counters)

    def joules_since(self, before: tuple[int, ...]) -> float:
        """Return the energy of all packages since an earlier reading.

        A counter wraps around after some minutes; only one wrap is accounted for.
        """
        rounds = zip(before, self.read(), self.wraps, strict=True)
        return sum((after - earlier) % (wrap + 1) for earlier, after, wrap in rounds) / 1e6


def open_meter(root: Path = _POWERCAP) -> EnergyMeter | str:
    """Return the meter, or the reason why there is none."""
    if sys.platform == "darwin":
        return "macOS reports energy to root only"
    packages = [zone for zone in sorted(root.glob("*-rapl:*")) if _name(zone).startswith("package")]
    if not packages:
        return "this machine has no energy counter (RAPL)"
    counters = tuple(zone / "energy_uj" for zone in packages)
    try:
        wraps = tuple(int((zone / "max_energy_range_uj").read_text()) for zone in packages)
        meter = EnergyMeter(counters, wraps)
        meter.read()
    except PermissionError:
        return f"only root can read {counters[0]}: run chmod o+r on it if you trust all users of this machine"
    except (OSError, ValueError) as error:
        return f"cannot read the energy counter {counters[0]}: {error}"
    return meter


def _name(zone: Path) -> str:
    try:
        return (zone / "name").read_text().strip()
    except OSError:
        return ""
