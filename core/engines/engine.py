"""The engines: what loads a voice, and makes audio of phoneme ids. Whoever runs a voice does it through one of them."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core.engines.names import EngineName

Audio = npt.NDArray[np.float32]

_OPENERS: dict[EngineName, tuple[str, str]] = {
    "onnxruntime": ("core.engines.ort", "OrtVoice"),
    "onnxruntime-coreml": ("core.engines.ort", "open_provider"),
    "coreml": ("core.coreml.coreml_engine", "open_coreml"),
    "coreml-evaluated": ("core.coreml.coreml_engine", "open_evaluated"),
}


class Engine(Protocol):
    """A loaded voice."""

    def synthesize(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Audio:
        """Audio of one sentence, float32 [samples], with both noises at 0, so that it is the same at each call."""
        ...

    def stream(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Iterator[Audio]:
        """The same in pieces, each as soon as it is there."""
        ...


def opener(name: EngineName) -> Callable[[Path, int | None], Engine]:
    """What loads a voice with that engine: it takes the variant's path and the number of threads, None for the engine's own.

    It raises BadInput or TtsdashError for what cannot be loaded. Getting it imports what the engine needs.
    """
    module, function = _OPENERS[name]
    found: Callable[[Path, int | None], Engine] = getattr(importlib.import_module(module), function)
    return found
