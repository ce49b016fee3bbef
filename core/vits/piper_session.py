"""Running a Piper graph, or its encoder half, in ONNX Runtime. Like `core.graph.ort_session` it does not import onnx."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.graph.ort_session import CPU, open_session


class PiperSession:
    """An ONNX Runtime session that is fed phoneme ids."""

    def __init__(
        self,
        model: Path | bytes,
        threads: int | None = None,
        optimized: bool = True,
        providers: Sequence[Any] = CPU,
        spinning: bool = True,
    ) -> None:
        """Open the session with the options of `open_session`. Raises InvalidInput."""
        self._session = open_session(model, threads, optimized, providers, spinning)
        self._inputs = {entry.name for entry in self._session.get_inputs()}
        self.outputs = [entry.name for entry in self._session.get_outputs()]
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(
        self,
        phoneme_ids: Sequence[int],
        noise_scale: float = 0.0,
        length_scale: float = 1.0,
        noise_w: float = 0.0,
        speaker: int = 0,
    ) -> list[npt.NDArray[Any]]:
        """Return the outputs for one sentence. Without noise they are the same in every call."""
        feeds: dict[str, npt.NDArray[Any]] = {
            "input": np.array([phoneme_ids], dtype=np.int64),
            "input_lengths": np.array([len(phoneme_ids)], dtype=np.int64),
            "scales": np.array([noise_scale, length_scale, noise_w], dtype=np.float32),
            "sid": np.array([speaker], dtype=np.int64),
        }
        outputs: list[npt.NDArray[Any]] = self._session.run(
            None, {name: values for name, values in feeds.items() if name in self._inputs}
        )
        return outputs
