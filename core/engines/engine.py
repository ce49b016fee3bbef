"""The interface of all engines, and how to get one by name."""

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
    "onnxruntime-coreml": ("core.engines.ort", "open_with_coreml_provider"),
    "coreml": ("core.coreml.coreml_engine", "open_coreml"),
    "coreml-evaluated": ("core.coreml.coreml_engine", "open_evaluated"),
}


class Engine(Protocol):
    """A loaded voice."""

    def synthesize(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Audio:
        """Return the audio of one sentence, float32 [samples]. Without noise it is the same in every call."""
        ...

    def stream(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Iterator[Audio]:
        """Yield the audio in chunks, each as soon as it is computed."""
        ...


def opener(name: EngineName) -> Callable[[Path, int | None], Engine]:
    """Import an engine, and return the function that loads a voice with it.

    That function takes the variant's path and the number of threads, None for the engine's default. It raises InvalidInput
    or TtsdashError for a variant that cannot be loaded.
    """
    module, function = _OPENERS[name]
    load: Callable[[Path, int | None], Engine] = getattr(importlib.import_module(module), function)
    return load
