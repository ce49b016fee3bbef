"""Whether two models, or two forms of a part of them, are the same function: both are run on the same inputs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from core.engines.ort import OrtVoice
from core.graph.ort_session import open_session
from core.graph.subgraph import Piece, alone
from core.voices.phonemes import random_phonemes

Values = npt.NDArray[Any]

# Phonemes, from a single one to so many that the decoder goes round its loop several times.
_LENGTHS = (1, 2, 5, 24, 90, 250)


def largest_difference(
    first: OrtVoice, second: OrtVoice, config: dict[str, Any], lengths: Sequence[int] = _LENGTHS
) -> float:
    """The largest difference of two samples, over utterances of all lengths and several speakers, without noise.

    `config` is the voice's `.onnx.json`. Infinite where the lengths differ.
    """
    largest = 0.0
    for number, ids in enumerate(random_phonemes(config, lengths)):
        speaker = number % int(config["num_speakers"])
        largest = max(largest, _difference(*(voice.synthesize(ids, speaker=speaker) for voice in (first, second))))
    return largest


def piece_difference(first: onnx.ModelProto, second: onnx.ModelProto, piece: Piece) -> float:
    """The largest difference of what two forms of a piece give for its examples."""
    a, b = (open_session(alone(model, piece).SerializeToString()) for model in (first, second))
    return max(_difference(a.run(None, example)[0], b.run(None, example)[0]) for example in piece.examples)


def _difference(a: Values, b: Values) -> float:
    """Infinite where the shapes differ."""
    return float(np.abs(a - b).max(initial=0.0)) if a.shape == b.shape else float("inf")
