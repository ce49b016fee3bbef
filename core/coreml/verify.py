"""Verifying a converted voice: the saved program against ONNX Runtime, and the whole variant against the original.

One that was converted from a distilled variant is also compared with that.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.benchmark.texts import texts_for
from core.coreml.decoder_half import LENGTHS, CoreMLDecoderHalf
from core.coreml.evaluate import Evaluator, Values
from core.coreml.layout import PACKAGE, UNROUNDED
from core.coreml.student_half import halves_to_convert
from core.engines.engine import opener
from core.engines.split_voice import EncoderHalf, Frames, OrtDecoderHalf
from core.errors import TtsdashError
from core.graph.constant_folding import fold_constants
from core.quality.compare import compare_sound
from core.records.voices import NOT_RUN
from core.variants.recipes import Task
from core.vits.split import SplitModel

MIN_SNR_DB = {"fp32": 100.0, "fp16": 40.0}
"""The signal-to-noise ratio of a correctly lowered program by precision, which only rounding limits."""
# Rounded weights leave about 15 dB; whether lowering is correct is checked on the unrounded program.
_MIN_SNR_DB_INT8 = 10.0
# A distilled variant computes in int8, which leaves about 16 dB to its student in floats. A student that was not read as it
# is written, or that belongs to another voice, leaves about 0.
_MIN_SNR_DB_DISTILLED = 6.0
# Frames per call: below the smallest length of the program, equal to it, and between two lengths.
_FRAME_COUNTS = (40, 64, 100)
_TEXTS = ("short", "medium")


def verify(task: Task) -> dict[str, Any]:
    """Load the variant from disk, compare it with the original, and return the figures for the lineage.

    Raises TtsdashError if the program computes something else, or if the variant sounds broken.
    """
    texts = texts_for(task.config, task.language)
    task.log(f"texts: {texts.label}")
    spoken = texts.ids(task.config)
    ids = {name: spoken[name] for name in _TEXTS}
    task.progress("evaluating the program", 0.0)
    halves = halves_to_convert(fold_constants(task.source), task)
    frames = EncoderHalf(halves.encoder.SerializeToString())(ids["medium"])
    frames = frames.between(0, min(frames.latent.shape[2], max(_FRAME_COUNTS)))
    required, unrounded = MIN_SNR_DB[str(task.params["precision"])], task.target / UNROUNDED
    if unrounded.exists():
        _check_program(halves, unrounded, frames, required, task)
        shutil.rmtree(unrounded)
        required = _MIN_SNR_DB_INT8
    program = _check_program(halves, task.target / PACKAGE, frames, required, task)
    task.progress("comparing the audio with the original", 0.4)
    expected = _synthesize(opener("onnxruntime")(task.source, None), ids)
    evaluated = _synthesize(opener("coreml-evaluated")(task.target, None), ids)
    if task.from_variant:
        _compare_with_distilled(task.from_variant, ids, evaluated, task)
    figures = {"program_db": round(program, 1)} | _grade(expected, evaluated, task)
    if sys.platform == "darwin":
        task.progress("running it with Core ML", 0.8)
        _grade(expected, _synthesize(opener("coreml")(task.target, None), ids), task, "with Core ML")
        return figures | {"run_on": "macOS"}
    task.log(f"not run with Core ML, which needs macOS: {NOT_RUN}")
    return figures


def _check_program(halves: SplitModel, package: Path, frames: Frames, required: float, task: Task) -> float:
    """Return the program's signal-to-noise ratio against the decoder half. Raises TtsdashError if it is too low."""
    program = program_snr_db(halves, package, frames, _FRAME_COUNTS)
    what = "the saved program" if package.name == PACKAGE else "the program before its weights are rounded"
    task.log(f"{what}, evaluated: {program:.1f} dB against ONNX Runtime (at least {required:.0f} dB required)")
    if not program >= required:
        raise TtsdashError(
            f"{what} does not compute what {_model_of(task)} does: {program:.1f} dB against ONNX Runtime, "
            f"{required:.0f} dB required"
        )
    return program


def _model_of(task: Task) -> str:
    return "the student" if task.from_variant else "the original"


def _compare_with_distilled(path: Path, ids: dict[str, list[int]], evaluated: list[Values], task: Task) -> None:
    """Raise TtsdashError if the variant does not speak as the one that it was converted from."""
    expected = _synthesize(opener("onnxruntime")(path, None), ids)
    ratio = min(snr_db(one, other) for one, other in zip(expected, evaluated, strict=True))
    quality = compare_sound(expected, evaluated, int(task.config["audio"]["sample_rate"]))
    pesq = "–" if quality.pesq is None else f"{quality.pesq:.2f}"
    task.log(
        f"the whole variant, evaluated, against {path.stem}: {ratio:.1f} dB (at least {_MIN_SNR_DB_DISTILLED:.0f} dB required), "
        f"PESQ {pesq}"
    )
    if not ratio >= _MIN_SNR_DB_DISTILLED:
        raise TtsdashError(
            f"the converted variant does not speak as {path.stem} does: {ratio:.1f} dB, {_MIN_SNR_DB_DISTILLED:.0f} dB required"
        )


def _synthesize(voice: Any, ids: dict[str, list[int]]) -> list[Values]:
    return [voice.synthesize(text) for text in ids.values()]


def _grade(original: list[Values], variant: list[Values], task: Task, how: str = "evaluated") -> dict[str, Any]:
    quality = compare_sound(original, variant, int(task.config["audio"]["sample_rate"]))
    figures = {
        name: None if value is None else round(value, 3)
        for name, value in (
            ("duration_drift_pct", quality.duration_drift_pct),
            ("mel_db", quality.mel_db),
            ("pesq", quality.pesq),
        )
    }
    summary = ", ".join(f"{name} {'–' if value is None else value}" for name, value in figures.items())
    task.log(f"the whole variant, {how}, against the original: {quality.grade} ({summary})")
    if quality.grade == "broken":
        raise TtsdashError(f"the converted variant sounds broken, {how} ({summary})")
    return {"evaluated_grade": quality.grade}


def program_snr_db(halves: SplitModel, package: Path, frames: Frames, lengths: Sequence[int]) -> float:
    """Return the program's signal-to-noise ratio against ONNX Runtime, the lowest over these numbers of frames."""
    expected = OrtDecoderHalf(halves.decoder.SerializeToString())
    decoder = CoreMLDecoderHalf(Evaluator(package).predict, LENGTHS, halves.split_point.hop_length)
    parts = [frames.between(0, length) for length in lengths]
    return min(snr_db(expected(part), decoder(part)) for part in parts)


def snr_db(signal: Values, other: Values) -> float:
    """Return the signal-to-noise ratio; minus infinity if the lengths differ or values are not finite."""
    if signal.shape != other.shape or not np.isfinite(other).all():
        return float("-inf")
    noise = float(np.sum((signal.astype(np.float64) - other) ** 2))
    return float(10 * np.log10(np.sum(signal.astype(np.float64) ** 2) / noise)) if noise else float("inf")
