"""What this machine cannot do for a voice, judged from its answers."""

import sys
from collections.abc import Iterator

from core.doctor.finding import Finding, State
from core.doctor.fixes import pip_install
from core.doctor.subprocess import try_apart
from core.hardware.capabilities import MISSING, OLDEST_MACOS, AbilityName, capabilities
from core.hardware.detection import HardwareInfo

# What coremltools has wheels for, as `MISSING` says it.
_FIRST_PYTHON_WITHOUT = (3, 14)
_OLDEST_TARGET = 13
# ONNX Runtime 1.24 to 1.26 leaks about 11 MB a call there (github.com/microsoft/onnxruntime/issues/28231).
_FIRST_LEAKING, _FIRST_FIXED = (1, 24), (1, 27)


def check_machine() -> Iterator[Finding]:
    yield from judge_machine(HardwareInfo.from_json(try_apart("machine")), sys.version_info[:2])


def judge_machine(probes: HardwareInfo, python: tuple[int, int]) -> Iterator[Finding]:
    """`python` is the version of the Python that asks."""
    yield _coremltools(probes, python)
    yield _core_ml(probes)
    found = {ability.name: ability for ability in capabilities(probes)}
    int8, cores, memory = (found[name] for name in (AbilityName.INT8, AbilityName.CORES, AbilityName.MEMORY))
    if int8.available:
        yield Finding("processor", State.OK, f"{probes.cpu}: fast int8 ({int8.says})")
    else:
        yield Finding("processor", State.NOTE, int8.says, "ttsdash select VOICE --policy measured")
    if cores.limited:
        mend = "raise the limit, or take all figures as those of this limit"
        yield Finding("cores", State.NOTE, cores.says, mend)
    else:
        yield Finding("cores", State.OK, cores.says)
    if memory.available:
        yield Finding("memory", State.OK, memory.says)
    else:
        mend = "raise its limit, or make the variants on another machine"
        yield Finding("memory", State.PROBLEM, f"{memory.says}: {memory.brings}", mend)
    if leaks_memory(probes):
        says = f"{probes.onnxruntime} can leak about 11 MB with each sentence on Apple Silicon"
        yield Finding("ONNX Runtime", State.PROBLEM, says, pip_install("--upgrade", "onnxruntime>=1.27"))


def leaks_memory(probes: HardwareInfo) -> bool:
    """Return whether the installed ONNX Runtime is one that leaks memory on Apple Silicon."""
    if probes.system != "Darwin" or probes.architecture != "arm64" or probes.onnxruntime is None:
        return False
    version = tuple(int(part) for part in probes.onnxruntime.split(".")[:2])
    return _FIRST_LEAKING <= version < _FIRST_FIXED


def _coremltools(probes: HardwareInfo, python: tuple[int, int]) -> Finding:
    if probes.coremltools:
        return Finding("coremltools", State.OK, f"{probes.coremltools} makes the variant coreml")
    if python >= _FIRST_PYTHON_WITHOUT:
        mend = "set ttsdash up with Python 3.11 to 3.13"
    elif probes.system == "Darwin" or probes.architecture == "x86_64":
        mend = pip_install("coremltools")
    else:
        mend = "make the variant coreml on Linux x86_64 or on a Mac"
    return Finding(
        "coremltools", State.PROBLEM if _is_apple_silicon(probes) else State.NOTE, MISSING["coremltools"], mend
    )


def _core_ml(probes: HardwareInfo) -> Finding:
    engine = next(ability for ability in capabilities(probes) if ability.name is AbilityName.NEURAL_ENGINE)
    if probes.system != "Darwin":
        there = ": packages are made here and run there" if probes.coremltools else ""
        return Finding("Core ML", State.NOTE, f"Core ML needs macOS on Apple Silicon{there}")
    if probes.rosetta:
        return Finding("Core ML", State.PROBLEM, engine.says, "set ttsdash up again with an arm64 Python")
    if not engine.available:
        return Finding("Core ML", State.NOTE, f"{engine.says}: Core ML gains nothing on it")
    macos = f"macOS {probes.macos}"
    major = int((probes.macos or "0").split(".")[0])
    if major >= OLDEST_MACOS:
        return Finding("Core ML", State.OK, f"{macos} on Apple Silicon")
    if major >= _OLDEST_TARGET:
        mend = "ttsdash optimize --model VOICE --coreml --param target=macos13"
        return Finding("Core ML", State.NOTE, f"{macos}: packages need {OLDEST_MACOS}, unless made for {major}", mend)
    return Finding("Core ML", State.NOTE, f"{macos}: no package runs before {_OLDEST_TARGET}", "update macOS")


def _is_apple_silicon(probes: HardwareInfo) -> bool:
    return probes.system == "Darwin" and (probes.rosetta or probes.architecture == "arm64")
