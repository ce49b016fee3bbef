"""The decoder half as an ML Program, and how frames are packed for it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core.engines.engine import Audio
from core.engines.split_voice import Frames

LATENT, SPEAKER, AUDIO = "latent", "speaker", "audio"
# The Neural Engine accepts a flexible input only if its lengths are listed, and at most 65536 values in a row: the audio of
# 256 frames.
LENGTHS = (64, 128, 256)


class CoreMLDecoderHalf:
    """Runs a loaded package with `predict`: Core ML's on a Mac, `core.coreml.evaluate.Evaluator`'s anywhere.

    Frames are padded with zeros, in the mask too, to the next of `lengths`.
    """

    def __init__(self, predict: Callable[[dict[str, Any]], dict[str, Any]], lengths: Sequence[int], hop: int) -> None:
        self._predict, self._lengths, self._hop = predict, sorted(lengths), hop

    def __call__(self, frames: Frames) -> Audio:
        """Return the audio of some frames, float32 [samples]. Raises ValueError for more frames than the largest length."""
        count = frames.latent.shape[2]
        length = next((length for length in self._lengths if length >= count), None)
        if length is None:
            raise ValueError(f"{count} frames at a time: the program takes at most {self._lengths[-1]}")
        feeds = {LATENT: pack(frames, length)}
        if frames.speaker is not None:
            feeds[SPEAKER] = frames.speaker[:, :, None]
        audio: Audio = np.asarray(self._predict(feeds)[AUDIO], np.float32).reshape(-1)
        return audio[: count * self._hop]


def pack(frames: Frames, length: int) -> Any:
    """Return latent and mask as [1, channels + 1, 1, length], padded with zeros in time."""
    both = np.concatenate([frames.latent, frames.mask], axis=1)
    return np.pad(both, ((0, 0), (0, 0), (0, length - both.shape[2])))[:, :, None]
