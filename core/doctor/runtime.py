"""Check that ONNX Runtime and Piper work."""

import json
from collections.abc import Iterator, Sequence

from core.doctor.finding import Finding, State
from core.doctor.fixes import pip_install
from core.doctor.isolated_checks import run_isolated
from core.errors import TtsdashError
from core.records.voices import Voice
from core.variants.variant_files import CHECK_TEXT


def check_runtime() -> Iterator[Finding]:
    """Run a small int8 model in a subprocess."""
    try:
        version = run_isolated("runtime")
    except TtsdashError as error:
        fix = pip_install("--force-reinstall", "onnxruntime", "onnx")
        yield Finding("ONNX Runtime", State.PROBLEM, f"it cannot run a model: {error}", fix)
    else:
        yield Finding("ONNX Runtime", State.OK, f"{version} runs an int8 model")


def check_phonemes(voices: Sequence[Voice]) -> Iterator[Finding]:
    """Make phonemes for the first voice in a subprocess: espeak comes with piper-tts, which also loads ONNX Runtime."""
    for voice in voices[:1]:
        try:
            count = run_isolated("phonemes", json.dumps(voice.config))
        except TtsdashError as error:
            fix = pip_install("--force-reinstall", "piper-tts")
            yield Finding("phonemes", State.PROBLEM, f"Piper makes none for {voice.key}: {error}", fix)
        else:
            yield Finding("phonemes", State.OK, f"Piper makes {count} phoneme ids from {CHECK_TEXT!r} for {voice.key}")
