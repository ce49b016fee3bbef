"""On the path of a benchmark's processes: a test engine with a clock of its own, which no other work disturbs.

The model `variant.onnx` takes longer by the share `SLOWED_BY`; every time wanders by 2 % to both sides.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.engines import engine

_SECONDS = 0.4
_WANDERS = 0.02


class Clock:
    """What `time.perf_counter` tells here."""

    now = 0.0


class SlowedVoice:
    """Says a second of noise to whatever it is given."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self._seconds = _SECONDS * (1 + (float(os.environ["SLOWED_BY"]) if path.name == "variant.onnx" else 0))
        self._random = random.Random(path.name)
        self._audio = np.random.default_rng(0).normal(0, 0.1, 22050).astype(np.float32)

    def synthesize(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> engine.Audio:
        Clock.now += self._seconds * (1 + self._random.uniform(-_WANDERS, _WANDERS))
        return self._audio

    def stream(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Iterator[engine.Audio]:
        yield self.synthesize(phoneme_ids, length_scale, speaker)


engine._OPENERS["onnxruntime"] = ("sitecustomize", "SlowedVoice")
time.perf_counter = lambda: Clock.now
