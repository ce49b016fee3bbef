"""Voices that are one `.onnx` file, in ONNX Runtime: on the CPU, or through its Core ML provider."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from core.engines.engine import Audio
from core.errors import InvalidInput
from core.graph.ort_session import CPU
from core.vits.piper_session import PiperSession

# Operators that Core ML does not support run on the CPU.
CORE_ML: Sequence[Any] = (("CoreMLExecutionProvider", {"ModelFormat": "MLProgram"}), *CPU)


class OrtVoice:
    """A loaded voice, from a file or a serialized model.

    With the defaults the session options are ONNX Runtime's own, as piper-tts opens a model. `optimized` False runs the graph
    as it was exported, without ONNX Runtime's optimizations.
    """

    def __init__(
        self, path: Path | bytes, threads: int | None = None, optimized: bool = True, providers: Sequence[Any] = CPU
    ) -> None:
        self._session = PiperSession(path, threads, optimized=optimized, providers=providers)

    def synthesize(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Audio:
        """Return the audio of one sentence, float32 [samples]. Without noise it is the same in every call."""
        audio = self._session.run(phoneme_ids, length_scale=length_scale, speaker=speaker)[0].reshape(-1)
        return audio.astype(np.float32, copy=False)

    def stream(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Iterator[Audio]:
        """Yield the audio as one chunk: the graph runs as a whole."""
        yield self.synthesize(phoneme_ids, length_scale, speaker)


def open_with_coreml_provider(path: Path, threads: int | None = None) -> OrtVoice:
    """Load a voice for ONNX Runtime's Core ML provider, without conversion. Raises InvalidInput on other systems than macOS."""
    if CORE_ML[0][0] not in onnxruntime.get_available_providers():
        # ONNX Runtime would silently run it on the CPU.
        raise InvalidInput(
            f"ONNX Runtime {onnxruntime.__version__} has no {CORE_ML[0][0]} on this machine: it needs macOS"
        )
    return OrtVoice(path, threads, providers=CORE_ML)
