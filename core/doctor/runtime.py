"""Check that ONNX Runtime and Piper work."""

from collections.abc import Iterator

from core.doctor.finding import Finding, State
from core.doctor.isolated_checks import run_isolated
from core.errors import TtsdashError
from core.processes import pip_install
from core.voices.check_text import CHECK_TEXT


def check_runtime() -> Iterator[Finding]:
    """Run a small int8 model in a subprocess."""
    try:
        version = run_isolated("runtime")
    except TtsdashError as error:
        fix = pip_install("--force-reinstall", "onnxruntime", "onnx")
        yield Finding("ONNX Runtime", State.PROBLEM, f"it cannot run a model: {error}", fix)
    else:
        yield Finding("ONNX Runtime", State.OK, f"{version} runs an int8 model")


def check_phonemes() -> Iterator[Finding]:
    """Make English phonemes in a subprocess: espeak comes with piper-tts, which also loads ONNX Runtime."""
    try:
        count = run_isolated("phonemes")
    except TtsdashError as error:
        fix = pip_install("--force-reinstall", "piper-tts")
        yield Finding("phonemes", State.PROBLEM, f"Piper makes none: {error}", fix)
    else:
        yield Finding("phonemes", State.OK, f"Piper makes {count} phoneme ids from {CHECK_TEXT!r}")
