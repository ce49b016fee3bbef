"""Flow and decoder as an ML Program: packs frames as the program wants them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core.engines.engine import Audio
from core.engines.split_voice import Frames

LATENT, SPEAKER, AUDIO = "latent", "speaker", "audio"
# The Neural Engine takes a flexible input only if its lengths are listed, and no row longer than 65536: 256 frames of audio.
LENGTHS = (64, 128, 256)


class CoreMLBody:
    """`predict` is that of a loaded package: Core ML's on a Mac, `core.coreml.evaluate.Evaluator`'s anywhere.

    Frames are filled up with zeros, in the mask too, to the next of `lengths`.
    """

    def __init__(self, predict: Callable[[dict[str, Any]], dict[str, Any]], lengths: Sequence[int], hop: int) -> None:
        self._predict, self._lengths, self._hop = predict, sorted(lengths), hop

    def __call__(self, frames: Frames) -> Audio:
        """Raises ValueError for more frames than the longest length."""
        count = frames.latent.shape[2]
        length = next((length for length in self._lengths if length >= count), None)
        if length is None:
            raise ValueError(f"{count} frames at once: the program takes {self._lengths[-1]} at most")
        feeds = {LATENT: packed(frames, length)}
        if frames.speaker is not None:
            feeds[SPEAKER] = frames.speaker[:, :, None]
        audio: Audio = np.asarray(self._predict(feeds)[AUDIO], np.float32).reshape(-1)
        return audio[: count * self._hop]


def packed(frames: Frames, length: int) -> Any:
    """[1, channels + 1, 1, length]: the latent, then the mask, then zeros in time."""
    both = np.concatenate([frames.latent, frames.mask], axis=1)
    return np.pad(both, ((0, 0), (0, 0), (0, length - both.shape[2])))[:, :, None]
