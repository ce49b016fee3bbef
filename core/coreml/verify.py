"""Whether a saved package computes what the voice does: its program is evaluated beside ONNX Runtime on the same frames."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.coreml.body import LENGTHS, CoreMLBody
from core.coreml.cut import Cut
from core.coreml.evaluate import Evaluator, Values
from core.engines.split import Frames, OrtBody

LEAST_DB = {"fp32": 100.0, "fp16": 40.0}
"""Of a program that was lowered right, by its precision: what rounding alone leaves."""


def program_db(cut: Cut, package: Path, frames: Frames, lengths: Sequence[int]) -> float:
    """Signal to noise of the package's program against ONNX Runtime, the worst over these numbers of frames."""
    expected, body = OrtBody(cut.body.SerializeToString()), CoreMLBody(Evaluator(package).predict, LENGTHS, cut.hop)
    parts = [frames.part(0, length) for length in lengths]
    return min(decibels(expected(part), body(part)) for part in parts)


def decibels(signal: Values, other: Values) -> float:
    """How far the difference lies below the signal; minus infinity where it has another length or is no number."""
    if signal.shape != other.shape or not np.isfinite(other).all():
        return float("-inf")
    noise = float(np.sum((signal.astype(np.float64) - other) ** 2))
    return float(10 * np.log10(np.sum(signal.astype(np.float64) ** 2) / noise)) if noise else float("inf")
