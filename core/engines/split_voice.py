"""Runs a voice that is cut in two: the front once a sentence, the body window by window."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.engines.engine import Audio
from core.engines.frame_chunks import windows
from core.errors import InvalidInput
from core.graph.ort_session import name_of, open_session
from core.vits.piper_session import PiperSession
from core.vits.split_point import MARK, Seam

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
        self._session = PiperSession(model, threads)
        try:
            self.seam = Seam.from_text(self._session.metadata.get(MARK, ""))
        except ValueError as error:
            raise InvalidInput(
                f"{name_of(model)} does not tell where its voice was cut: make the variant again"
            ) from error

    def __call__(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Frames:
        """The frames of one sentence, with both noises at 0."""
        given = self._session.run(phoneme_ids, length_scale=length_scale, speaker=speaker)
        return Frames(given[0], given[1], given[2] if len(given) > 2 else None)


class OrtBody:
    """Flow and decoder in ONNX Runtime."""

    def __init__(self, model: Path | bytes, threads: int | None = None) -> None:
        self._session = open_session(model, threads)

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

    from core.graph.errors import UnsupportedGraph
    from core.vits.split import cut

    try:
        halves = cut(onnx.load(path))
    except UnsupportedGraph as reason:
        raise InvalidInput(f"{path} cannot speak in pieces: {reason}") from reason
    front, body = (half.SerializeToString() for half in (halves.front, halves.body))
    return SplitVoice(Front(front, threads), OrtBody(body, threads), WINDOW + 2 * halves.seam.reach)
