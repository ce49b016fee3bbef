"""The machine and the environment of a measurement, each identified by a fingerprint."""

import hashlib
import json
import os
import platform
from dataclasses import dataclass
from typing import Any

import core
from core.hardware.detection import allowed_cores, cpu_flags, cpu_model

_MEASURED_WITH = ("onnxruntime", "onnx", "numpy", "piper-tts")


@dataclass(frozen=True)
class Machine:
    """The hardware alone: a software upgrade does not change the fingerprint."""

    id: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Environment:
    """The software versions alone, stored with each result."""

    id: str
    versions: dict[str, str]


def this_machine() -> Machine:
    """Return the facts and the fingerprint of this machine."""
    facts = {
        "cpu": cpu_model(),
        "architecture": platform.machine(),
        "flags": cpu_flags(),
        "cores": allowed_cores(),
        # Firmware reserves a varying amount: rounded to GiB it is stable.
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "accelerators": [],
    }
    return Machine(fingerprint(facts), facts)


def this_environment() -> Environment:
    """Return the versions of the system, Python and the packages that affect results, with their fingerprint."""
    versions = {
        "os": platform.system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ttsdash": core.program_version(),
        **installed_versions(_MEASURED_WITH),
    }
    return Environment(fingerprint(versions), versions)


def installed_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the installed version of each package, without those that are not installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def fingerprint(facts: dict[str, Any]) -> str:
    """Return the id of a machine or an environment: a hash of its facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
