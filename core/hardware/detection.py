"""Detect the hardware. The result is plain data, so that other machines can be recorded for tests."""

import contextlib
import ctypes
import json
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from core.errors import TtsdashError
from core.processes import run_module

_CGROUPS = Path("/sys/fs/cgroup")
# Version 1 of the control groups writes about 2**63 for no limit.
_UNLIMITED_BYTES = 2**60


@dataclass(frozen=True)
class HardwareInfo:
    """A machine as one process on it sees it."""

    system: str
    """`Linux` or `Darwin`."""
    architecture: str
    """The architecture of the process: x86_64 under Rosetta."""
    cpu: str
    flags: frozenset[str]
    """The CPU features as the kernel names them; on a Mac the entries of `hw.optional` that are 1."""
    cores: int
    affinity: int
    """The number of cores that this process may be scheduled on."""
    quota: float | None
    """How many CPUs' worth of time the control group allows, None without a limit."""
    memory_bytes: int
    memory_limit_bytes: int | None
    rosetta: bool
    macos: str | None
    metal: bool
    providers: tuple[str, ...]
    """The execution providers of ONNX Runtime; empty if it cannot be imported."""
    coremltools: str | None
    """The installed version."""
    onnxruntime: str | None
    """The installed version."""

    def to_json(self) -> str:
        """Return one line of JSON for `from_json` in another process."""
        return json.dumps(asdict(self), default=sorted)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` wrote."""
        values = json.loads(text)
        values["flags"] = frozenset(values["flags"])
        values["providers"] = tuple(values["providers"])
        return cls(**values)


def detect() -> HardwareInfo:
    """Detect the hardware of this machine. Imports ONNX Runtime."""
    mac = sys.platform == "darwin"
    return HardwareInfo(
        system=platform.system(),
        architecture=platform.machine(),
        cpu=cpu_model(),
        flags=frozenset(cpu_flags()),
        cores=os.cpu_count() or 1,
        affinity=usable_cores(),
        quota=cpu_quota(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        memory_limit_bytes=memory_limit(),
        rosetta=mac and _sysctl("sysctl.proc_translated") == "1",
        macos=platform.mac_ver()[0] or None,
        metal=mac and _has_metal(),
        providers=_providers(),
        coremltools=_version("coremltools"),
        onnxruntime=_version("onnxruntime"),
    )


def detect_in_subprocess() -> HardwareInfo:
    """Detect the hardware without importing ONNX Runtime into this process, which would make it large.

    Raises TtsdashError if that fails: a broken ONNX Runtime can crash the process that imports it.
    """
    try:
        return HardwareInfo.from_json(run_module("core.hardware.detection"))
    except TtsdashError as error:
        raise TtsdashError(f"cannot detect the hardware of this machine: {error}") from error


def usable_cores() -> int:
    """Return the number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def allowed_cores() -> int:
    """Return the number of cores of this machine, or of its container, whatever this process is limited to at the moment."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    found = []

    def ask() -> None:
        # The kernel keeps what the control group allows. Only this thread is affected.
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, range(os.sysconf("SC_NPROCESSORS_CONF")))
        found.append(usable_cores())

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return found[0]


def usable_memory_mb() -> int:
    """Return the memory that this process and its children may use together, in MB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return round(min(total, memory_limit() or total) / 1e6)


def cpu_model() -> str:
    """Return the model name of the processor."""
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string")
    return _cpuinfo("model name") or _cpuinfo("Model") or platform.processor() or platform.machine()


def cpu_flags() -> list[str]:
    """Return the features of the processor, sorted (see `HardwareInfo.flags`)."""
    if sys.platform == "darwin":
        lines = (line.partition(": ") for line in _run("sysctl", "hw.optional").splitlines())
        return sorted(name.removeprefix("hw.optional.").lower() for name, _, value in lines if value == "1")
    return sorted((_cpuinfo("flags") or _cpuinfo("Features")).split())


def cpu_quota(root: Path = _CGROUPS, own: Path = Path("/proc/self/cgroup")) -> float | None:
    """Return how many CPUs' worth of time Linux's control groups allow this process, None without a limit."""
    limits = [_read(folder / "cpu.max").partition(" ")[::2] for folder in _groups(root, own)]
    for folder in _groups(root, own, "cpu"):
        limits.append((_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")))
    shares = [int(quota) / int(period) for quota, period in limits if quota.isdecimal() and period.isdecimal()]
    return min(shares, default=None)


def memory_limit(root: Path = _CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int | None:
    """Return how many bytes the control groups allow this process to use, None without a limit."""
    limits = [_read(folder / "memory.max") for folder in _groups(root, own)]
    limits += [_read(folder / "memory.limit_in_bytes") for folder in _groups(root, own, "memory")]
    known = [int(limit) for limit in limits if limit.isdecimal()]
    return min((limit for limit in known if limit < _UNLIMITED_BYTES), default=None)


def _groups(root: Path, own: Path, controller: str = "") -> Iterator[Path]:
    """Yield the control group of the process and its parents: each can set limits.

    They are those of version 2, or of version 1 for the controller of that name.
    """
    for line in _read(own).splitlines():
        _, controllers, group = line.split(":", 2)
        if controller in controllers.split(","):
            top = root / controllers if controller else root
            folder = top / group.lstrip("/")
            yield from (one for one in (folder, *folder.parents) if one.is_relative_to(top))


def _read(path: Path) -> str:
    """Return the content of a file, empty if it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _cpuinfo(key: str) -> str:
    """Return the first value of a key in /proc/cpuinfo, empty if there is none."""
    pairs = (line.partition(":") for line in _read(Path("/proc/cpuinfo")).splitlines())
    return next((value.strip() for name, _, value in pairs if name.strip() == key), "")


def _sysctl(name: str) -> str:
    return _run("sysctl", "-n", name).strip()


def _run(*command: str) -> str:
    try:
        return subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=10
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _has_metal() -> bool:
    try:
        framework = ctypes.CDLL("/System/Library/Frameworks/Metal.framework/Metal")
        framework.MTLCreateSystemDefaultDevice.restype = ctypes.c_void_p
        return bool(framework.MTLCreateSystemDefaultDevice())
    except (OSError, AttributeError):
        return False


def _providers() -> tuple[str, ...]:
    try:
        import onnxruntime
    except ImportError:
        return ()
    return tuple(onnxruntime.get_available_providers())


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    from core.hardware.limits import lift_limits

    # A worker that is started here may use more than this shell.
    lift_limits()
    sys.stdout.write(f"{detect().to_json()}\n")
