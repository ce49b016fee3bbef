"""Runs a voice that is one `.onnx` file with ONNX Runtime: on the CPU, or through its Core ML provider."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from core.engines.engine import Audio
from core.errors import BadInput, reason_of
from core.text import brief

# Its warnings, in colours, are for those who build graphs; what fails is raised.
onnxruntime.set_default_logger_severity(3)

CPU: Sequence[Any] = ("CPUExecutionProvider",)
# What Core ML does not know is left to the CPU.
CORE_ML: Sequence[Any] = (("CoreMLExecutionProvider", {"ModelFormat": "MLProgram"}), *CPU)


class OrtVoice:
    """A loaded voice. With `threads` None the session options are ONNX Runtime's own, as piper-tts opens a model.

    `as_exported` runs the graph as it stands, without ONNX Runtime's optimizations.
    """

    def __init__(
        self, path: Path, threads: int | None = None, as_exported: bool = False, providers: Sequence[Any] = CPU
    ) -> None:
        options = onnxruntime.SessionOptions()
        if threads is not None:
            options.intra_op_num_threads = threads
        if as_exported:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=list(providers))
        except Exception as error:
            reason = brief(reason_of(error), 200)
            raise BadInput(f"ONNX Runtime {onnxruntime.__version__} cannot load {path}: {reason}") from error
        self.takes_speaker = any(entry.name == "sid" for entry in self.session.get_inputs())

    def synthesize(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Audio:
        """Audio of one sentence, float32 [samples], with both noises at 0, so that it is the same at each call."""
        feeds: dict[str, Any] = {
            "input": np.array([phoneme_ids], dtype=np.int64),
            "input_lengths": np.array([len(phoneme_ids)], dtype=np.int64),
            "scales": np.array([0.0, length_scale, 0.0], dtype=np.float32),
        }
        if self.takes_speaker:
            feeds["sid"] = np.array([speaker], dtype=np.int64)
        audio: Audio = self.session.run(None, feeds)[0]
        return audio.reshape(-1)

    def stream(self, phoneme_ids: list[int], length_scale: float = 1.0, speaker: int = 0) -> Iterator[Audio]:
        """The same as one piece: the file runs as a whole."""
        yield self.synthesize(phoneme_ids, length_scale, speaker)


def open_provider(path: Path, threads: int | None = None) -> OrtVoice:
    """A voice as ONNX Runtime runs it through Core ML, without conversion. Raises BadInput where it cannot: off macOS."""
    if CORE_ML[0][0] not in onnxruntime.get_available_providers():
        # It would run it on the CPU, and say nothing.
        raise BadInput(f"ONNX Runtime {onnxruntime.__version__} has no {CORE_ML[0][0]} here: it needs macOS")
    return OrtVoice(path, threads, providers=CORE_ML)
