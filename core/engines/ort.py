"""Runs a voice that is one `.onnx` file with ONNX Runtime: on the CPU, or through its Core ML provider."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from core.engines.engine import Audio
from core.errors import InvalidInput
from core.graph.ort_session import CPU
from core.vits.piper_session import PiperSession

# What Core ML does not know is left to the CPU.
CORE_ML: Sequence[Any] = (("CoreMLExecutionProvider", {"ModelFormat": "MLProgram"}), *CPU)


class OrtVoice:
    """A loaded voice. With `threads` None the session options are ONNX Runtime's own, as piper-tts opens a model.

    `as_exported` runs the graph as it stands, without ONNX Runtime's optimizations.
    """

    def __init__(
        self, path: Path, threads: int | None = None, as_exported: bool = False, providers: Sequence[Any] = CPU
    ) -> None:
        self._session = PiperSession(path, threads, optimized=not as_exported, providers=providers)

    def synthesize(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Audio:
        """Audio of one sentence, float32 [samples], with both noises at 0, so that it is the same at each call."""
        return self._session.run(phoneme_ids, length_scale=length_scale, speaker=speaker)[0].reshape(-1)

    def stream(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Iterator[Audio]:
        """The same as one piece: the file runs as a whole."""
        yield self.synthesize(phoneme_ids, length_scale, speaker)


def open_provider(path: Path, threads: int | None = None) -> OrtVoice:
    """A voice as ONNX Runtime runs it through Core ML, without conversion. Raises BadInput where it cannot: off macOS."""
    if CORE_ML[0][0] not in onnxruntime.get_available_providers():
        # It would run it on the CPU, and say nothing.
        raise InvalidInput(f"ONNX Runtime {onnxruntime.__version__} has no {CORE_ML[0][0]} here: it needs macOS")
    return OrtVoice(path, threads, providers=CORE_ML)
