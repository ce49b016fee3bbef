"""The capabilities of a machine: whether each is available, why, and what it is good for."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from core.hardware.detection import HardwareInfo

# The default target of Core ML packages.
OLDEST_MACOS = 14
MISSING = {
    "coremltools": "coremltools is not installed: it has wheels for Linux x86_64 and macOS, Python 3.11 to 3.13",
    "torch": "PyTorch is not installed (ttsdash[distill])",
}
"""Messages on Python packages that are missing: some platforms have no wheels, and PyTorch is an extra."""

_ENOUGH_BYTES = 1.1e9
_INT8_FLAGS = {"avx512_vnni": "VNNI", "avx_vnni": "VNNI", "i8mm": "i8mm", "asimddp": "dot products"}
_APPLE_INT8_FLAGS = {"arm.feat_i8mm": "i8mm", "arm.feat_dotprod": "dot products"}


class CapabilityName(StrEnum):
    """The capabilities in display order."""

    CORES = "cores"
    MEMORY = "memory"
    INT8 = "fast int8"
    RUNTIME = "ONNX Runtime"
    NEURAL_ENGINE = "Neural Engine"
    CORE_ML = "Core ML"
    CONVERSION = "Core ML conversion"
    PROVIDER = "Core ML provider"
    METAL = "Metal"


@dataclass(frozen=True)
class Capability:
    """A capability with details on what is available, or why it is not."""

    name: CapabilityName
    available: bool
    detail: str
    benefit: str
    limited: bool = False
    """Whether this process may use less of it than the machine has."""


class _Availability(NamedTuple):
    available: bool
    detail: str
    limited: bool = False


def capabilities(hardware: HardwareInfo) -> list[Capability]:
    """Return all capabilities of a machine, in display order."""
    return [
        Capability(name, found.available, found.detail, benefit, found.limited)
        for name, found, benefit in (
            (CapabilityName.CORES, _cores(hardware), "several sentences in parallel, and chunks of one sentence"),
            (CapabilityName.MEMORY, _memory(hardware), "a loaded voice takes 0.2 to 0.6 GB, making a variant 1.1 GB"),
            (CapabilityName.INT8, _int8(hardware), "int8 matrix products about four times as fast as fp32"),
            (CapabilityName.RUNTIME, _runtime(hardware), "all variants except coreml"),
            (CapabilityName.NEURAL_ENGINE, _neural_engine(hardware), "speech with an idle CPU, through Core ML"),
            (CapabilityName.CORE_ML, _core_ml(hardware), "running the variant coreml on this machine"),
            (CapabilityName.CONVERSION, _conversion(hardware), "making the variant coreml, to run on a Mac"),
            (CapabilityName.PROVIDER, _provider(hardware), "ONNX Runtime with Core ML, without conversion"),
            (CapabilityName.METAL, _metal(hardware), "speech on the GPU, through Core ML"),
        )
    ]


def usable_cpu_share(hardware: HardwareInfo) -> float:
    """Return how many CPUs' worth of time this process may use, by affinity and quota."""
    return min(hardware.affinity, hardware.quota or hardware.affinity)


def _cores(hardware: HardwareInfo) -> _Availability:
    limits = []
    if hardware.affinity < hardware.cores:
        limits.append(f"limited to {hardware.affinity} of {hardware.cores} cores")
    if hardware.quota is not None and hardware.quota < hardware.affinity:
        limits.append(f"limited to {hardware.quota:g} CPUs by the control group")
    return _Availability(
        usable_cpu_share(hardware) >= 1, "; ".join(limits) or f"all {hardware.cores}", limited=bool(limits)
    )


def _memory(hardware: HardwareInfo) -> _Availability:
    total, limit = hardware.memory_bytes, hardware.memory_limit_bytes
    if limit is None or limit >= total:
        return _Availability(total >= _ENOUGH_BYTES, f"{total / 1e9:.1f} GB")
    detail = f"limited to {limit / 1e9:.1f} of {total / 1e9:.1f} GB by the control group"
    return _Availability(limit >= _ENOUGH_BYTES, detail, limited=True)


def _int8(hardware: HardwareInfo) -> _Availability:
    known = _APPLE_INT8_FLAGS if hardware.system == "Darwin" else _INT8_FLAGS
    found = next((name for flag, name in known.items() if flag in hardware.flags), None)
    return _Availability(found is not None, found or f"{hardware.cpu} has no int8 instructions: int8 is hardly faster")


def _runtime(hardware: HardwareInfo) -> _Availability:
    if not hardware.providers:
        return _Availability(False, "onnxruntime cannot be imported: install it, or install ttsdash again")
    return _Availability(True, "available")


def _apple_silicon(hardware: HardwareInfo) -> str | None:
    """Return why this process does not run natively on Apple silicon, None if it does."""
    if hardware.system != "Darwin":
        return "needs a Mac with Apple silicon"
    if hardware.rosetta:
        return "this Python runs under Rosetta: use an arm64 one"
    return None if hardware.architecture == "arm64" else "this Mac has an Intel processor"


def _neural_engine(hardware: HardwareInfo) -> _Availability:
    missing = _apple_silicon(hardware)
    return _Availability(missing is None, missing or hardware.cpu)


def core_ml_missing(hardware: HardwareInfo, oldest_macos: int = OLDEST_MACOS) -> str | None:
    """Return why a Core ML package for a macOS version and later cannot be used, None if it can.

    An Intel Mac is rejected: it has no Neural Engine, so a package would be no faster than ONNX Runtime.
    """
    missing = _apple_silicon(hardware)
    if missing:
        return "needs macOS on Apple silicon" if hardware.system != "Darwin" else missing
    if _macos_major(hardware) < oldest_macos:
        return f"macOS {hardware.macos}: this package needs {oldest_macos}"
    return MISSING["coremltools"] if hardware.coremltools is None else None


def _macos_major(hardware: HardwareInfo) -> int:
    return int((hardware.macos or "0").split(".")[0])


def _core_ml(hardware: HardwareInfo) -> _Availability:
    if hardware.system != "Darwin":
        return _Availability(False, "needs macOS")
    if _macos_major(hardware) < OLDEST_MACOS:
        return _Availability(False, f"macOS {hardware.macos}: packages need {OLDEST_MACOS}, or target=macos13")
    if hardware.coremltools is None:
        return _Availability(False, "coremltools is not installed: it has no wheel for this Python")
    return _Availability(
        True, f"macOS {hardware.macos}" + (", without the Neural Engine" if _apple_silicon(hardware) else "")
    )


def _conversion(hardware: HardwareInfo) -> _Availability:
    if hardware.coremltools is None:
        return _Availability(False, MISSING["coremltools"])
    return _Availability(True, f"coremltools {hardware.coremltools}")


def _provider(hardware: HardwareInfo) -> _Availability:
    if "CoreMLExecutionProvider" in hardware.providers:
        return _Availability(True, "available")
    return _Availability(
        False, "needs macOS" if hardware.system != "Darwin" else "this ONNX Runtime was built without it"
    )


def _metal(hardware: HardwareInfo) -> _Availability:
    if hardware.metal:
        return _Availability(True, "available")
    return _Availability(False, "needs macOS" if hardware.system != "Darwin" else "no device")
