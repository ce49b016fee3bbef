"""Speaking with the durations of another voice.

A phoneme lasts a whole number of frames. Where the predicted duration of one is close to such a number, the slightest error
makes it a frame longer or shorter, and all sound behind it shifts: PESQ loses a tenth for a few frames, whichever they are.
So what is heard of two choices on a dozen sentences hardly depends on which of them is better. The error before the rounding
does, and so does the sound with the durations of the original.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from core.engines.engine import Audio
from core.graph.index import GraphIndex
from core.graph.ort_session import open_session

Durations = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Utterance:
    """A sentence, and how it is spoken."""

    ids: list[int]
    length_scale: float = 1.0
    speaker: int = 0


@dataclass(frozen=True)
class Spoken:
    """A sentence as it was spoken."""

    audio: Audio
    durations: Durations
    """The predicted durations of its phonemes in frames, before they are rounded up."""


class AlignedVoice:
    """A voice in ONNX Runtime that returns the durations that it predicts, and can be given others."""

    def __init__(self, model: onnx.ModelProto, aligned: bool) -> None:
        """Take a model whose durations are rounded up by a single `Ceil`; it is changed.

        If it is `aligned`, it speaks with durations that are given, otherwise with its own.
        """
        graph = model.graph
        (position,) = GraphIndex(graph).of_type("Ceil")
        ceil = graph.node[position]
        graph.output.append(helper.make_tensor_value_info(ceil.input[0], TensorProto.FLOAT, None))
        self._given = ceil.output[0]
        if aligned:
            graph.input.append(helper.make_tensor_value_info(self._given, TensorProto.FLOAT, [1, 1, None]))
            del graph.node[position]
        self._session = open_session(model.SerializeToString(), threads=1)
        self._inputs = {entry.name for entry in self._session.get_inputs()}

    def speak(self, utterance: Utterance, durations: Durations | None = None) -> Spoken:
        """Speak without noise; an aligned voice with these predicted durations, which are rounded up."""
        feeds: dict[str, npt.NDArray[Any]] = {
            "input": np.array([utterance.ids], np.int64),
            "input_lengths": np.array([len(utterance.ids)], np.int64),
            "scales": np.array([0, utterance.length_scale, 0], np.float32),
            "sid": np.array([utterance.speaker], np.int64),
        }
        if durations is not None:
            feeds[self._given] = np.ceil(durations)
        audio, predicted = self._session.run(None, {name: feeds[name] for name in self._inputs})
        return Spoken(audio.reshape(-1).astype(np.float32, copy=False), predicted)
