"""What a machine can do for a voice: each ability with why it is there or not, and what it brings."""

from dataclasses import dataclass

from core.hardware.probes import Probes

# What packages are made for by default.
OLDEST_MACOS = 14
MISSING = {
    "coremltools": "coremltools is not installed: it has wheels for Linux x86_64 and macOS, Python 3.11 to 3.13",
}
"""Why a package that not every machine can have is not there."""

_INT8_FLAGS = {"avx512_vnni": "VNNI", "avx_vnni": "VNNI", "i8mm": "i8mm", "asimddp": "dot products"}
_APPLE_INT8_FLAGS = {"arm.feat_i8mm": "i8mm", "arm.feat_dotprod": "dot products"}


@dataclass(frozen=True)
class Ability:
    """`says` is what is there, or why not."""

    name: str
    available: bool
    says: str
    brings: str


def abilities(probes: Probes) -> list[Ability]:
    return [
        Ability(name, *judge(probes), brings)
        for name, judge, brings in (
            ("cores", _cores, "sentences side by side, and windows of one sentence"),
            ("memory", _memory, "a voice takes 0.2 to 0.6 GB, making a variant 1.1 GB"),
            ("fast int8", _int8, "int8 products about four times as fast as fp32"),
            ("ONNX Runtime", _runtime, "every variant but Core ML's"),
            ("Neural Engine", _neural_engine, "a voice beside an idle processor, through Core ML"),
            ("Core ML", _core_ml, "running the variant coreml"),
            ("making Core ML", _conversion, "the variant coreml, to be run on a Mac"),
            ("CoreML provider", _provider, "ONNX Runtime through Core ML, without conversion"),
            ("Metal", _metal, "the graphics processor, through Core ML"),
        )
    ]


def usable(probes: Probes) -> float:
    """The cores' worth of time that this process may use."""
    return min(probes.affinity, probes.quota or probes.affinity)


Verdict = tuple[bool, str]


def _cores(probes: Probes) -> Verdict:
    limits = []
    if probes.affinity < probes.cores:
        limits.append(f"may run on {probes.affinity} of {probes.cores}")
    if probes.quota is not None and probes.quota < probes.affinity:
        limits.append(f"its control group allows {probes.quota:g} cores' worth of time")
    return usable(probes) >= 1, "; ".join(limits) or f"all {probes.cores}"


def _memory(probes: Probes) -> Verdict:
    limit = probes.memory_limit_bytes
    held = min(probes.memory_bytes, limit or probes.memory_bytes)
    limited = limit is not None and limit < probes.memory_bytes
    says = f"{held / 1e9:.1f} GB" + (f" of {probes.memory_bytes / 1e9:.1f}, by its control group" if limited else "")
    return held >= 1.1e9, says


def _int8(probes: Probes) -> Verdict:
    known = _APPLE_INT8_FLAGS if probes.system == "Darwin" else _INT8_FLAGS
    found = next((name for flag, name in known.items() if flag in probes.flags), None)
    return found is not None, found or f"{probes.cpu} has no instruction for it: int8 gains little in speed here"


def _runtime(probes: Probes) -> Verdict:
    if not probes.providers:
        return False, "onnxruntime cannot be imported: install it, or set ttsdash up again"
    return True, "there"


def _apple_silicon(probes: Probes) -> str | None:
    """Why this process is not one on Apple Silicon; None if it is."""
    if probes.system != "Darwin":
        return "needs a Mac with Apple Silicon"
    if probes.rosetta:
        return "this Python is translated by Rosetta: use an arm64 one"
    return None if probes.architecture == "arm64" else "this Mac has an Intel processor"


def _neural_engine(probes: Probes) -> Verdict:
    missing = _apple_silicon(probes)
    return missing is None, missing or probes.cpu


def core_ml_missing(probes: Probes, oldest_macos: int = OLDEST_MACOS) -> str | None:
    """Why a package for that macOS and later is not to be run here; None if it is.

    An Intel Mac could run it, without the Neural Engine: no faster than ONNX Runtime, and never measured.
    """
    missing = _apple_silicon(probes)
    if missing:
        return "needs macOS on Apple Silicon" if probes.system != "Darwin" else missing
    if int((probes.macos or "0").split(".")[0]) < oldest_macos:
        return f"macOS {probes.macos}: this package needs {oldest_macos}"
    return MISSING["coremltools"] if probes.coremltools is None else None


def _core_ml(probes: Probes) -> Verdict:
    if probes.system != "Darwin":
        return False, "needs macOS"
    if int((probes.macos or "0").split(".")[0]) < OLDEST_MACOS:
        return False, f"macOS {probes.macos}: packages need {OLDEST_MACOS}, or target=macos13"
    if probes.coremltools is None:
        return False, "coremltools is not installed: there is no wheel for this Python"
    return True, f"macOS {probes.macos}" + (", without the Neural Engine" if _apple_silicon(probes) else "")


def _conversion(probes: Probes) -> Verdict:
    if probes.coremltools is None:
        return False, MISSING["coremltools"]
    return True, f"coremltools {probes.coremltools}"


def _provider(probes: Probes) -> Verdict:
    if "CoreMLExecutionProvider" in probes.providers:
        return True, "there"
    return False, "needs macOS" if probes.system != "Darwin" else "this ONNX Runtime was built without it"


def _metal(probes: Probes) -> Verdict:
    return probes.metal, "there" if probes.metal else "needs macOS" if probes.system != "Darwin" else "no device"
