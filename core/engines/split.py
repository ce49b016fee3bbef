"""Runs a voice that is cut in two (`core.coreml.cut`): the front once a sentence, the body window by window."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime

from core.engines.ort import Audio
from core.engines.windows import windows

Values = npt.NDArray[np.float32]


class Frames(NamedTuple):
    """What the front gives of a sentence."""

    latent: Values
    """[1, channels, frames]"""
    mask: Values
    """[1, 1, frames]"""
    speaker: Values | None
    """[1, channels, 1], of a voice with several speakers"""

    def part(self, begin: int, end: int) -> "Frames":
        return Frames(self.latent[:, :, begin:end], self.mask[:, :, begin:end], self.speaker)


Body = Callable[[Frames], Audio]
"""Flow and decoder: the audio of some frames, float32 [samples]."""


class Front:
    """Text encoder, durations and noise, in ONNX Runtime."""

    def __init__(self, model: Path | bytes, threads: int | None = None) -> None:
        self._session = _session(model, threads)

    def __call__(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Frames:
        """The frames of one sentence, with both noises at 0."""
        feeds: dict[str, Any] = {
            "input": np.array([phoneme_ids], dtype=np.int64),
            "input_lengths": np.array([len(phoneme_ids)], dtype=np.int64),
            "scales": np.array([0.0, length_scale, 0.0], dtype=np.float32),
            "sid": np.array([speaker], dtype=np.int64),
        }
        given = self._session.run(None, {entry.name: feeds[entry.name] for entry in self._session.get_inputs()})
        return Frames(given[0], given[1], given[2] if len(given) > 2 else None)


class OrtBody:
    """Flow and decoder in ONNX Runtime."""

    def __init__(self, model: Path | bytes, threads: int | None = None) -> None:
        self._session = _session(model, threads)

    def __call__(self, frames: Frames) -> Audio:
        given = (values for values in frames if values is not None)
        feeds = {entry.name: values for entry, values in zip(self._session.get_inputs(), given, strict=True)}
        audio: Audio = self._session.run(None, feeds)[0]
        return audio.reshape(-1)


class SplitVoice:
    """A front and a body. `reach` is in frames, `hop` the samples of a frame, `window` the frames computed at once."""

    def __init__(self, front: Front, body: Body, reach: int, hop: int, window: int) -> None:
        self._front, self._body, self._reach, self._hop, self._window = front, body, reach, hop, window

    def synthesize(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Audio:
        """Audio of one sentence, float32 [samples], with both noises at 0."""
        return np.concatenate(list(self.stream(phoneme_ids, length_scale, speaker)))

    def stream(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Iterator[Audio]:
        """The same in pieces, each as soon as its window is computed."""
        frames = self._front(phoneme_ids, length_scale, speaker)
        for window in windows(frames.latent.shape[2], self._window, self._reach):
            audio = self._body(frames.part(window.begin, window.end))
            yield audio[(window.kept_from - window.begin) * self._hop : (window.kept_to - window.begin) * self._hop]


def _session(model: Path | bytes, threads: int | None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
