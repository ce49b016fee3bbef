"""Check the hardware, ONNX Runtime and coremltools of this machine."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace

from core.doctor.finding import Finding, State
from core.doctor.isolated_checks import run_isolated
from core.hardware.capabilities import MISSING, OLDEST_MACOS, CapabilityName, capabilities
from core.hardware.detection import HardwareInfo
from core.hardware.limits import Limits, describe_limits
from core.processes import pip_install

# coremltools has no wheels from this version on (see `MISSING`).
_FIRST_PYTHON_WITHOUT = (3, 14)
_OLDEST_TARGET = 13
# ONNX Runtime 1.24 to 1.26 leaks about 11 MB per call (github.com/microsoft/onnxruntime/issues/28231).
_FIRST_LEAKING, _FIRST_FIXED = (1, 24), (1, 27)


def check_machine(worker: Limits | None = None) -> Iterator[Finding]:
    """Detect the hardware in a subprocess and judge it, with the limits of the running worker, or of one started here."""
    hardware = HardwareInfo.from_json(run_isolated("machine"))
    limits = worker or Limits.from_json(json.loads(run_isolated("limits")))
    if limits is None:
        raise ValueError("a process has limits, if only the number of its cores")
    yield from judge_machine(replace(hardware, affinity=limits.cores, quota=limits.quota), sys.version_info[:2])
    yield from judge_limits(limits)


def judge_limits(limits: Limits) -> Iterator[Finding]:
    """Yield a note on the limits of the worker other than those of cores."""
    others = replace(limits, cores=limits.machine_cores, quota=None)
    if others.words:
        fix = "in a shell without them: ttsdash worker stop; ttsdash worker start"
        yield Finding("limits", State.NOTE, f"the worker measures with {describe_limits(others)}", fix)


def judge_machine(hardware: HardwareInfo, python: tuple[int, int]) -> Iterator[Finding]:
    """Yield the findings for a machine; `python` is the version of the Python that runs ttsdash."""
    yield _coremltools(hardware, python)
    yield _core_ml(hardware)
    found = {capability.name: capability for capability in capabilities(hardware)}
    int8, cores, memory = (found[name] for name in (CapabilityName.INT8, CapabilityName.CORES, CapabilityName.MEMORY))
    if int8.available:
        yield Finding("processor", State.OK, f"{hardware.cpu}: fast int8 ({int8.detail})")
    else:
        yield Finding("processor", State.NOTE, int8.detail, "ttsdash select VOICE --policy measured")
    if cores.limited:
        fix = "raise the limit, or keep in mind that all results are measured under it"
        yield Finding("cores", State.NOTE, cores.detail, fix)
    else:
        yield Finding("cores", State.OK, cores.detail)
    if memory.available:
        yield Finding("memory", State.OK, memory.detail)
    else:
        fix = "raise the limit, or make the variants on another machine"
        yield Finding("memory", State.PROBLEM, f"{memory.detail}: {memory.benefit}", fix)
    if leaks_memory(hardware):
        message = f"{hardware.onnxruntime} can leak about 11 MB per sentence on Apple silicon"
        yield Finding("ONNX Runtime", State.PROBLEM, message, pip_install("--upgrade", "onnxruntime>=1.27"))


def leaks_memory(hardware: HardwareInfo) -> bool:
    """Return whether the installed ONNX Runtime is a version that leaks memory on this machine."""
    if hardware.system != "Darwin" or hardware.architecture != "arm64" or hardware.onnxruntime is None:
        return False
    version = tuple(int(part) for part in hardware.onnxruntime.split(".")[:2])
    return _FIRST_LEAKING <= version < _FIRST_FIXED


def _coremltools(hardware: HardwareInfo, python: tuple[int, int]) -> Finding:
    if hardware.coremltools:
        return Finding("coremltools", State.OK, f"{hardware.coremltools}: can make the variant coreml")
    if python >= _FIRST_PYTHON_WITHOUT:
        fix = "install ttsdash with Python 3.11 to 3.13"
    elif hardware.system == "Darwin" or hardware.architecture == "x86_64":
        fix = pip_install("coremltools")
    else:
        fix = "make the variant coreml on Linux x86_64 or on a Mac"
    state = State.PROBLEM if _is_apple_silicon(hardware) else State.NOTE
    return Finding("coremltools", state, MISSING["coremltools"], fix)


def _core_ml(hardware: HardwareInfo) -> Finding:
    engine = next(found for found in capabilities(hardware) if found.name is CapabilityName.NEURAL_ENGINE)
    if hardware.system != "Darwin":
        hint = ": packages can be made on this machine and run on a Mac" if hardware.coremltools else ""
        return Finding("Core ML", State.NOTE, f"Core ML needs macOS on Apple silicon{hint}")
    if hardware.rosetta:
        return Finding("Core ML", State.PROBLEM, engine.detail, "install ttsdash again with an arm64 Python")
    if not engine.available:
        return Finding("Core ML", State.NOTE, f"{engine.detail}: Core ML is no faster on it")
    macos = f"macOS {hardware.macos}"
    major = int((hardware.macos or "0").split(".")[0])
    if major >= OLDEST_MACOS:
        return Finding("Core ML", State.OK, f"{macos} on Apple silicon")
    if major >= _OLDEST_TARGET:
        fix = f"ttsdash optimize --model VOICE --coreml --param target=macos{major}"
        return Finding("Core ML", State.NOTE, f"{macos}: packages need {OLDEST_MACOS} unless made for {major}", fix)
    return Finding("Core ML", State.NOTE, f"{macos}: packages need at least {_OLDEST_TARGET}", "update macOS")


def _is_apple_silicon(hardware: HardwareInfo) -> bool:
    return hardware.system == "Darwin" and (hardware.rosetta or hardware.architecture == "arm64")
