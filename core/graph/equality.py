"""Whether two models, or two forms of a part of them, are the same function: both are run on the same inputs."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from core.engines.ort import OrtVoice
from core.graph.piece import Piece, alone

Values = npt.NDArray[Any]

_LENGTHS = (1, 2, 5, 24, 90)
# Ids that every Piper voice has: the first are pause, begin and end.
_IDS = range(3, 40)
_SEED = 20_240_229


def largest_difference(first: OrtVoice, second: OrtVoice) -> float:
    """The largest difference of two samples, from a single phoneme to a long sentence, without noise.

    Infinite where the lengths differ.
    """
    random = np.random.default_rng(_SEED)
    largest = 0.0
    for length in _LENGTHS:
        ids = [1, *(int(entry) for entry in random.choice(_IDS, length)), 2]
        largest = max(largest, _difference(first.synthesize(ids), second.synthesize(ids)))
    return largest


def piece_difference(first: onnx.ModelProto, second: onnx.ModelProto, piece: Piece) -> float:
    """The largest difference of what two forms of a piece give for its examples."""
    a, b = (onnxruntime.InferenceSession(alone(model, piece).SerializeToString()) for model in (first, second))
    return max(_difference(a.run(None, example)[0], b.run(None, example)[0]) for example in piece.examples)


def _difference(a: Values, b: Values) -> float:
    """Infinite where the shapes differ."""
    return float(np.abs(a - b).max(initial=0.0)) if a.shape == b.shape else float("inf")
