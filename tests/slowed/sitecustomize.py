"""A test engine with a simulated clock, which no other work disturbs; on the path of a benchmark's processes.

The model `variant.onnx` takes longer by the share `SLOWED_BY`; every time varies by 2 % either way.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.engines import engine

_SECONDS = 0.4
_VARIATION = 0.02


class Clock:
    """The time that `time.perf_counter` returns."""

    now = 0.0


class SlowedVoice:
    """A voice that speaks one second of noise for any text."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self._seconds = _SECONDS * (1 + (float(os.environ["SLOWED_BY"]) if path.name == "variant.onnx" else 0))
        self._random = random.Random(path.name)
        self._audio = np.random.default_rng(0).normal(0, 0.1, 22050).astype(np.float32)

    def synthesize(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> engine.Audio:
        Clock.now += self._seconds * (1 + self._random.uniform(-_VARIATION, _VARIATION))
        return self._audio

    def stream(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Iterator[engine.Audio]:
        yield self.synthesize(phoneme_ids, length_scale, speaker)


engine._OPENERS["onnxruntime"] = ("sitecustomize", "SlowedVoice")
time.perf_counter = lambda: Clock.now
