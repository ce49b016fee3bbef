"""What a machine can do for a voice: each ability with why it is there or not, and what it brings."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from core.hardware.detection import HardwareInfo

# What packages are made for by default.
OLDEST_MACOS = 14
MISSING = {
    "coremltools": "coremltools is not installed: it has wheels for Linux x86_64 and macOS, Python 3.11 to 3.13",
}
"""Why a package that not every machine can have is not there."""

_INT8_FLAGS = {"avx512_vnni": "VNNI", "avx_vnni": "VNNI", "i8mm": "i8mm", "asimddp": "dot products"}
_APPLE_INT8_FLAGS = {"arm.feat_i8mm": "i8mm", "arm.feat_dotprod": "dot products"}


class AbilityName(StrEnum):
    """The abilities, in the order in which they are shown."""

    CORES = "cores"
    MEMORY = "memory"
    INT8 = "fast int8"
    RUNTIME = "ONNX Runtime"
    NEURAL_ENGINE = "Neural Engine"
    CORE_ML = "Core ML"
    CONVERSION = "making Core ML"
    PROVIDER = "CoreML provider"
    METAL = "Metal"


@dataclass(frozen=True)
class Capability:
    """`says` is what is there, or why not."""

    name: AbilityName
    available: bool
    says: str
    brings: str
    limited: bool = False
    """Whether this process may use less of it than the machine has."""


class _Verdict(NamedTuple):
    available: bool
    says: str
    limited: bool = False


def capabilities(probes: HardwareInfo) -> list[Capability]:
    return [
        Capability(name, found.available, found.says, brings, found.limited)
        for name, found, brings in (
            (AbilityName.CORES, _cores(probes), "sentences side by side, and windows of one sentence"),
            (AbilityName.MEMORY, _memory(probes), "a voice takes 0.2 to 0.6 GB, making a variant 1.1 GB"),
            (AbilityName.INT8, _int8(probes), "int8 products about four times as fast as fp32"),
            (AbilityName.RUNTIME, _runtime(probes), "every variant but Core ML's"),
            (AbilityName.NEURAL_ENGINE, _neural_engine(probes), "a voice beside an idle processor, through Core ML"),
            (AbilityName.CORE_ML, _core_ml(probes), "running the variant coreml"),
            (AbilityName.CONVERSION, _conversion(probes), "the variant coreml, to be run on a Mac"),
            (AbilityName.PROVIDER, _provider(probes), "ONNX Runtime through Core ML, without conversion"),
            (AbilityName.METAL, _metal(probes), "the graphics processor, through Core ML"),
        )
    ]


def usable(probes: HardwareInfo) -> float:
    """The cores' worth of time that this process may use."""
    return min(probes.affinity, probes.quota or probes.affinity)


def _cores(probes: HardwareInfo) -> _Verdict:
    limits = []
    if probes.affinity < probes.cores:
        limits.append(f"may run on {probes.affinity} of {probes.cores}")
    if probes.quota is not None and probes.quota < probes.affinity:
        limits.append(f"its control group allows {probes.quota:g} cores' worth of time")
    return _Verdict(usable(probes) >= 1, "; ".join(limits) or f"all {probes.cores}", limited=bool(limits))


def _memory(probes: HardwareInfo) -> _Verdict:
    limit = probes.memory_limit_bytes
    held = min(probes.memory_bytes, limit or probes.memory_bytes)
    limited = limit is not None and limit < probes.memory_bytes
    says = f"{held / 1e9:.1f} GB" + (f" of {probes.memory_bytes / 1e9:.1f}, by its control group" if limited else "")
    return _Verdict(held >= 1.1e9, says, limited)


def _int8(probes: HardwareInfo) -> _Verdict:
    known = _APPLE_INT8_FLAGS if probes.system == "Darwin" else _INT8_FLAGS
    found = next((name for flag, name in known.items() if flag in probes.flags), None)
    return _Verdict(
        found is not None, found or f"{probes.cpu} has no instruction for it: int8 gains little in speed here"
    )


def _runtime(probes: HardwareInfo) -> _Verdict:
    if not probes.providers:
        return _Verdict(False, "onnxruntime cannot be imported: install it, or set ttsdash up again")
    return _Verdict(True, "there")


def _apple_silicon(probes: HardwareInfo) -> str | None:
    """Why this process is not one on Apple Silicon; None if it is."""
    if probes.system != "Darwin":
        return "needs a Mac with Apple Silicon"
    if probes.rosetta:
        return "this Python is translated by Rosetta: use an arm64 one"
    return None if probes.architecture == "arm64" else "this Mac has an Intel processor"


def _neural_engine(probes: HardwareInfo) -> _Verdict:
    missing = _apple_silicon(probes)
    return _Verdict(missing is None, missing or probes.cpu)


def core_ml_missing(probes: HardwareInfo, oldest_macos: int = OLDEST_MACOS) -> str | None:
    """Why a package for that macOS and later is not to be run here; None if it is.

    An Intel Mac could run it, without the Neural Engine: no faster than ONNX Runtime, and never measured.
    """
    missing = _apple_silicon(probes)
    if missing:
        return "needs macOS on Apple Silicon" if probes.system != "Darwin" else missing
    if int((probes.macos or "0").split(".")[0]) < oldest_macos:
        return f"macOS {probes.macos}: this package needs {oldest_macos}"
    return MISSING["coremltools"] if probes.coremltools is None else None


def _core_ml(probes: HardwareInfo) -> _Verdict:
    if probes.system != "Darwin":
        return _Verdict(False, "needs macOS")
    if int((probes.macos or "0").split(".")[0]) < OLDEST_MACOS:
        return _Verdict(False, f"macOS {probes.macos}: packages need {OLDEST_MACOS}, or target=macos13")
    if probes.coremltools is None:
        return _Verdict(False, "coremltools is not installed: there is no wheel for this Python")
    return _Verdict(True, f"macOS {probes.macos}" + (", without the Neural Engine" if _apple_silicon(probes) else ""))


def _conversion(probes: HardwareInfo) -> _Verdict:
    if probes.coremltools is None:
        return _Verdict(False, MISSING["coremltools"])
    return _Verdict(True, f"coremltools {probes.coremltools}")


def _provider(probes: HardwareInfo) -> _Verdict:
    if "CoreMLExecutionProvider" in probes.providers:
        return _Verdict(True, "there")
    return _Verdict(False, "needs macOS" if probes.system != "Darwin" else "this ONNX Runtime was built without it")


def _metal(probes: HardwareInfo) -> _Verdict:
    if probes.metal:
        return _Verdict(True, "there")
    return _Verdict(False, "needs macOS" if probes.system != "Darwin" else "no device")
