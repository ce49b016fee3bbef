"""Whether two models, or two forms of a part of them, are the same function: both are run on the same inputs."""

import numpy as np
import onnx
import onnxruntime

from core.engines.ort import OrtVoice
from core.graph.spline import Spline, spline_alone

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
        a, b = first.synthesize(ids), second.synthesize(ids)
        if a.shape != b.shape:
            return float("inf")
        largest = max(largest, float(np.abs(a - b).max(initial=0.0)))
    return largest


def spline_difference(first: onnx.ModelProto, second: onnx.ModelProto, spline: Spline) -> float:
    """The largest difference of what two forms of a spline give, inside its interval and outside."""
    random = np.random.default_rng(_SEED)
    feeds = {
        spline.x: random.uniform(-1.5 * spline.bound, 1.5 * spline.bound, (1, 1, 500)).astype(np.float32),
        spline.shape: random.normal(0, 3, (1, 1, 500, 3 * spline.bins - 1)).astype(np.float32),
    }
    a, b = (
        onnxruntime.InferenceSession(spline_alone(model, spline).SerializeToString()).run(None, feeds)[0]
        for model in (first, second)
    )
    return float(np.abs(a - b).max())
