"""Runs a voice that is cut in two: the front once a sentence, the body window by window."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime

from core.engines.engine import Audio
from core.engines.windows import windows
from core.errors import BadInput, reason_of
from core.seam import MARK, Seam
from core.text import brief

Values = npt.NDArray[np.float32]


WINDOW = 64
"""Frames of each window that are kept; its overlap comes on top."""


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
        """Raises BadInput for a model that ONNX Runtime cannot load, or that does not tell where it was cut."""
        self._session = _session(model, threads)
        try:
            self.seam = Seam.from_text(self._session.get_modelmeta().custom_metadata_map.get(MARK, ""))
        except ValueError as error:
            raise BadInput(f"{_name(model)} does not tell where its voice was cut: make the variant again") from error

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
    """A front and a body, which computes `window` frames at once."""

    def __init__(self, front: Front, body: Body, window: int) -> None:
        self._front, self._body, self._window = front, body, window

    def synthesize(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Audio:
        """Audio of one sentence, float32 [samples], with both noises at 0."""
        return np.concatenate(list(self.stream(phoneme_ids, length_scale, speaker)))

    def stream(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Iterator[Audio]:
        """The same in pieces, each as soon as its window is computed."""
        seam = self._front.seam
        frames = self._front(phoneme_ids, length_scale, speaker)
        for window in windows(frames.latent.shape[2], self._window, seam.reach):
            audio = self._body(frames.part(window.begin, window.end))
            yield audio[(window.kept_from - window.begin) * seam.hop : (window.kept_to - window.begin) * seam.hop]


def open_split(path: Path, threads: int | None = None) -> SplitVoice:
    """A voice that is one `.onnx` file, cut in memory. Raises BadInput where that cannot be."""
    import onnx

    from core.graph.anatomy import NotRecognised
    from core.graph.cut import cut

    try:
        halves = cut(onnx.load(path))
    except NotRecognised as reason:
        raise BadInput(f"{path} cannot speak in pieces: {reason}") from reason
    front, body = (half.SerializeToString() for half in (halves.front, halves.body))
    return SplitVoice(Front(front, threads), OrtBody(body, threads), WINDOW + 2 * halves.seam.reach)


def _session(model: Path | bytes, threads: int | None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    source = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = brief(reason_of(error), 200)
        raise BadInput(f"ONNX Runtime {onnxruntime.__version__} cannot load {_name(model)}: {reason}") from error


def _name(model: Path | bytes) -> str:
    return "a half of the voice" if isinstance(model, bytes) else str(model)
