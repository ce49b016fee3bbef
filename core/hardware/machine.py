"""The machine that figures hold for, by a fingerprint of its hardware; and the versions they were measured under."""

import hashlib
import json
import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import core

_MEASURED_WITH = ("onnxruntime", "onnx", "numpy", "piper-tts")


@dataclass(frozen=True)
class Machine:
    """Hardware alone: an upgrade of software leaves the fingerprint as it is."""

    id: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Environment:
    """Versions alone: kept with each result, apart from the machine."""

    id: str
    versions: dict[str, str]


def this_machine() -> Machine:
    facts = {
        "cpu": _cpu_model(),
        "architecture": platform.machine(),
        "flags": _cpu_flags(),
        "cores": usable_cores(),
        # Firmware takes a little of it, not always the same: whole GiB are stable.
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "accelerators": [],
    }
    return Machine(_fingerprint(facts), facts)


def this_environment() -> Environment:
    versions = {
        "os": platform.system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ttsdash": core.program_version(),
        **installed_versions(_MEASURED_WITH),
    }
    return Environment(_fingerprint(versions), versions)


def installed_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """The installed version of each package; a missing one is left out."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def usable_cores() -> int:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _fingerprint(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def _cpu_model() -> str:
    if platform.system() == "Darwin":
        return _sysctl("machdep.cpu.brand_string")
    return _cpuinfo("model name") or _cpuinfo("Model") or platform.processor() or platform.machine()


def _cpu_flags() -> list[str]:
    if platform.system() == "Darwin":
        return []
    return sorted((_cpuinfo("flags") or _cpuinfo("Features")).split())


def _cpuinfo(key: str) -> str:
    """The first value of a key in Linux's /proc/cpuinfo, empty where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip() == key), "")


def _sysctl(name: str) -> str:
    return subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=False).stdout.strip()
