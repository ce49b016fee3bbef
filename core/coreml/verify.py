"""Whether what was converted computes what the voice does: the saved program beside ONNX Runtime, and the whole way."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from core.benchmark.texts import texts_for
from core.coreml.decoder_half import LENGTHS, CoreMLBody
from core.coreml.evaluate import Evaluator, Values
from core.coreml.layout import PACKAGE, UNROUNDED
from core.engines.engine import opener
from core.engines.split_voice import Frames, Front, OrtBody
from core.errors import TtsdashError
from core.quality.compare import compare_sound
from core.variants.recipes import Task
from core.vits.split import Cut, cut
from core.voices.phonemes import phoneme_ids

LEAST_DB = {"fp32": 100.0, "fp16": 40.0}
"""Of a program that was lowered right, by its precision: what rounding alone leaves."""
# What rounded weights leave is 15 dB or so; whether it was lowered right the unrounded program tells.
_LEAST_DB_ROUNDED = 10.0
# Of frames computed at once: less than the shortest program, just it, and one that is filled up.
_FRAMES = (40, 64, 100)
_TEXTS = ("short", "medium")


def verify(task: Task) -> dict[str, Any]:
    """Load what was made again, and hold it against the original. Returns the figures for the lineage.

    Raises TtsdashError where the program computes something else, or what it says is broken.
    """
    texts = texts_for(task.language).texts
    ids = {name: phoneme_ids(task.config, texts[name]) for name in _TEXTS}
    task.progress("evaluating the program", 0.0)
    original = cut(onnx.load(task.source))
    frames = Front(original.front.SerializeToString())(ids["medium"])
    frames = frames.part(0, min(frames.latent.shape[2], max(_FRAMES)))
    least, unrounded = LEAST_DB[str(task.params["precision"])], task.target / UNROUNDED
    if unrounded.exists():
        _check_program(original, unrounded, frames, least, task)
        shutil.rmtree(unrounded)
        least = _LEAST_DB_ROUNDED
    program = _check_program(original, task.target / PACKAGE, frames, least, task)
    task.progress("listening to the whole way", 0.4)
    spoken = _say(opener("onnxruntime")(task.source, None), ids)
    figures = {"program_db": round(program, 1)} | _grade(
        spoken, _say(opener("coreml-evaluated")(task.target, None), ids), task
    )
    if sys.platform == "darwin":
        task.progress("running it with Core ML", 0.8)
        _grade(spoken, _say(opener("coreml")(task.target, None), ids), task, "with Core ML")
        return figures | {"run_on": "macOS"}
    task.tell("not run with Core ML, which needs macOS: converted, not yet run on a Mac")
    return figures


def _check_program(original: Cut, package: Path, frames: Frames, least: float, task: Task) -> float:
    """How close the package's program comes to the original's, in dB. Raises TtsdashError where that is not enough."""
    program = program_db(original, package, frames, _FRAMES)
    what = "the saved program" if package.name == PACKAGE else "the program before its weights are rounded"
    task.tell(f"{what}, evaluated: {program:.1f} dB beside ONNX Runtime (at least {least:.0f} are wanted)")
    if not program >= least:
        raise TtsdashError(f"{what} computes something else: {program:.1f} dB beside ONNX Runtime, not {least:.0f}")
    return program


def _say(voice: Any, ids: dict[str, list[int]]) -> list[Values]:
    return [voice.synthesize(text) for text in ids.values()]


def _grade(original: list[Values], made: list[Values], task: Task, how: str = "evaluated") -> dict[str, Any]:
    quality = compare_sound(original, made, int(task.config["audio"]["sample_rate"]))
    figures = {
        name: None if value is None else round(value, 3)
        for name, value in asdict(quality).items()
        if name in ("duration_drift_pct", "mel_db", "pesq")
    }
    told = ", ".join(f"{name} {'–' if value is None else value}" for name, value in figures.items())
    task.tell(f"the whole way, {how}, beside the original: {quality.grade} ({told})")
    if quality.grade == "broken":
        raise TtsdashError(f"what was converted sounds broken, {how} ({told})")
    return {"evaluated_grade": quality.grade}


def program_db(original: Cut, package: Path, frames: Frames, lengths: Sequence[int]) -> float:
    """Signal to noise of the package's program against ONNX Runtime, the worst over these numbers of frames."""
    expected = OrtBody(original.body.SerializeToString())
    body = CoreMLBody(Evaluator(package).predict, LENGTHS, original.seam.hop)
    parts = [frames.part(0, length) for length in lengths]
    return min(decibels(expected(part), body(part)) for part in parts)


def decibels(signal: Values, other: Values) -> float:
    """How far the difference lies below the signal; minus infinity where it has another length or is no number."""
    if signal.shape != other.shape or not np.isfinite(other).all():
        return float("-inf")
    noise = float(np.sum((signal.astype(np.float64) - other) ** 2))
    return float(10 * np.log10(np.sum(signal.astype(np.float64) ** 2) / noise)) if noise else float("inf")
