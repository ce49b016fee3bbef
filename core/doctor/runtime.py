"""Whether what runs and speaks a voice is whole."""

import json
from collections.abc import Iterator, Sequence

from core.doctor.finding import Finding, State
from core.doctor.fixes import pip_install
from core.doctor.subprocess import try_apart
from core.errors import TtsdashError
from core.records.voices import Voice
from core.variants.variant_files import CHECK_TEXT


def check_runtime() -> Iterator[Finding]:
    try:
        version = try_apart("runtime")
    except TtsdashError as error:
        mend = pip_install("--force-reinstall", "onnxruntime", "onnx")
        yield Finding("ONNX Runtime", State.PROBLEM, f"it runs no model: {error}", mend)
    else:
        yield Finding("ONNX Runtime", State.OK, f"{version} runs a model in int8")


def check_phonemes(voices: Sequence[Voice]) -> Iterator[Finding]:
    """For the first voice. espeak and its data come with piper-tts, whose loading needs ONNX Runtime, too."""
    for voice in voices[:1]:
        try:
            count = try_apart("phonemes", json.dumps(voice.config))
        except TtsdashError as error:
            mend = pip_install("--force-reinstall", "piper-tts")
            yield Finding("phonemes", State.PROBLEM, f"Piper makes none for {voice.key}: {error}", mend)
        else:
            yield Finding("phonemes", State.OK, f"Piper makes {count} phoneme ids of {CHECK_TEXT!r} for {voice.key}")
