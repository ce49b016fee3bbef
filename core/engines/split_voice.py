"""Voices split in two: the encoder half runs once for a sentence, the decoder half chunk by chunk."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.engines.engine import Audio
from core.engines.frame_chunks import chunks
from core.errors import InvalidInput
from core.graph.ort_session import name_of, open_session
from core.vits.piper_session import PiperSession
from core.vits.split_point import METADATA_KEY, SplitPoint

Values = npt.NDArray[np.float32]


class Frames(NamedTuple):
    """The output of the encoder half for a sentence."""

    latent: Values
    """[1, channels, frames]"""
    mask: Values
    """[1, 1, frames]"""
    speaker: Values | None
    """[1, channels, 1]; only in voices with several speakers."""

    def between(self, begin: int, end: int) -> "Frames":
        """Return the frames from `begin` to `end`."""
        return Frames(self.latent[:, :, begin:end], self.mask[:, :, begin:end], self.speaker)


DecoderHalf = Callable[[Frames], Audio]
"""Flow and decoder: computes the audio of some frames, float32 [samples]."""


class EncoderHalf:
    """Text encoder, durations and noise, in ONNX Runtime."""

    def __init__(self, model: Path | bytes, threads: int | None = None) -> None:
        """Load the model.

        Raises InvalidInput for a model that ONNX Runtime cannot load, or without a split point in its metadata.
        """
        self._session = PiperSession(model, threads)
        try:
            self.split_point = SplitPoint.from_text(self._session.metadata.get(METADATA_KEY, ""))
        except ValueError as error:
            raise InvalidInput(
                f"{name_of(model)} has no split point in its metadata: build the variant again"
            ) from error

    def __call__(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Frames:
        """Return the frames of one sentence, without noise."""
        outputs = self._session.run(phoneme_ids, length_scale=length_scale, speaker=speaker)
        return Frames(outputs[0], outputs[1], outputs[2] if len(outputs) > 2 else None)


class OrtDecoderHalf:
    """Flow and decoder in ONNX Runtime."""

    def __init__(self, model: Path | bytes, threads: int | None = None) -> None:
        self._session = open_session(model, threads)

    def __call__(self, frames: Frames) -> Audio:
        """Return the audio of some frames, float32 [samples]."""
        inputs = (values for values in frames if values is not None)
        feeds = {entry.name: values for entry, values in zip(self._session.get_inputs(), inputs, strict=True)}
        audio: Audio = self._session.run(None, feeds)[0]
        return audio.reshape(-1)


class SplitVoice:
    """An encoder half, and a decoder half that computes `length` frames at a time."""

    def __init__(self, encoder: EncoderHalf, decoder: DecoderHalf, length: int) -> None:
        self._encoder, self._decoder, self._length = encoder, decoder, length

    def synthesize(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Audio:
        """Return the audio of one sentence, float32 [samples], without noise."""
        return np.concatenate(list(self.stream(phoneme_ids, length_scale, speaker)))

    def stream(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Iterator[Audio]:
        """Yield the audio in chunks, each as soon as it is computed."""
        split_point = self._encoder.split_point
        hop = split_point.hop_length
        frames = self._encoder(phoneme_ids, length_scale, speaker)
        for chunk in chunks(frames.latent.shape[2], self._length, split_point.receptive_field):
            audio = self._decoder(frames.between(chunk.begin, chunk.end))
            yield audio[(chunk.kept_from - chunk.begin) * hop : (chunk.kept_to - chunk.begin) * hop]
