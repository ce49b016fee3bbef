"""Comparing two models, or two versions of a subgraph, by running both on the same inputs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from core.engines.ort import OrtVoice
from core.graph.ort_session import open_session
from core.graph.subgraph import Subgraph, extract
from core.voices.phonemes import random_phonemes

Values = npt.NDArray[Any]

# Phonemes per utterance: from a single one to enough for several iterations of the decoder's loop.
_LENGTHS = (1, 2, 5, 24, 90, 250)


def max_difference(
    first: OrtVoice, second: OrtVoice, config: dict[str, Any], lengths: Sequence[int] = _LENGTHS
) -> float:
    """Return the largest difference between samples, over utterances of all lengths and several speakers, without noise.

    `config` is the voice's `.onnx.json`. The difference is infinite if the lengths of the audio differ.
    """
    largest = 0.0
    for number, ids in enumerate(random_phonemes(config, lengths)):
        speaker = number % int(config["num_speakers"])
        largest = max(largest, _difference(*(voice.synthesize(ids, speaker=speaker) for voice in (first, second))))
    return largest


def subgraph_difference(first: onnx.ModelProto, second: onnx.ModelProto, subgraph: Subgraph) -> float:
    """Return the largest difference between the outputs of a subgraph in two models, over all its examples."""
    a, b = (open_session(extract(model, subgraph).SerializeToString()) for model in (first, second))
    return max(_difference(a.run(None, example)[0], b.run(None, example)[0]) for example in subgraph.examples)


def _difference(a: Values, b: Values) -> float:
    """Return the largest difference, infinite if the shapes differ."""
    return float(np.abs(a - b).max(initial=0.0)) if a.shape == b.shape else float("inf")
