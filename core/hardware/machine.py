"""The machine that figures hold for, by a fingerprint of its hardware; and the versions they were measured under."""

import hashlib
import json
import os
import platform
from dataclasses import dataclass
from typing import Any

import core
from core.hardware.detection import cpu_flags, cpu_model, usable_cores

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
        "cpu": cpu_model(),
        "architecture": platform.machine(),
        "flags": cpu_flags(),
        "cores": usable_cores(),
        # Firmware takes a little of it, not always the same: whole GiB are stable.
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "accelerators": [],
    }
    return Machine(fingerprint(facts), facts)


def this_environment() -> Environment:
    versions = {
        "os": platform.system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ttsdash": core.program_version(),
        **installed_versions(_MEASURED_WITH),
    }
    return Environment(fingerprint(versions), versions)


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


def fingerprint(facts: dict[str, Any]) -> str:
    """The id of a machine or an environment by its facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
