"""DNSMOS P.835, a score of speech without a reference: how natural a recording sounds, as people rated noisy calls.

The package speechmos has the network; it runs in ONNX Runtime. What the package itself imports (librosa, among others) is not
needed. (C. K. A. Reddy, V. Gopal, R. Cutler, "DNSMOS P.835: A Non-Intrusive Perceptual Objective Speech Quality Metric to
Evaluate Noise Suppressors", 2022.)
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.quality.resampling import resampled

Recording = npt.NDArray[np.float32]

_PACKAGE, _MODEL = "speechmos", "dnsmos_models/sig_bak_ovr.onnx"
_RATE = 16_000
_SEGMENT = int(9.01 * _RATE)
# A segment takes a third of a second.
_MOST_SEGMENTS = 3
# Of the network's third output, as in the package.
_OVERALL = (-0.06766283, 1.11546468, 0.04602535)


def find_model() -> Path | None:
    """Return the network's file in the installed package, None without it."""
    package = find_spec(_PACKAGE)
    folders = package.submodule_search_locations if package else None
    paths = [Path(folder) / _MODEL for folder in folders or ()]
    return next((path for path in paths if path.is_file()), None)


def dnsmos(model: Path, recordings: Sequence[Recording], sample_rate: int) -> float | None:
    """Return the overall score, 1 to 5, of recordings of one voice, float32 [samples] each; None for silence.

    They are joined, brought to full level, and cut into segments of nine seconds; of many, some are scored.
    """
    audio = np.concatenate([resampled(recording, sample_rate, _RATE) for recording in recordings])
    peak = float(np.abs(audio).max(initial=0.0))
    if not peak:
        return None
    audio = np.resize(audio / peak, max(len(audio), _SEGMENT)).astype(np.float32)
    number = len(audio) // _SEGMENT
    chosen = np.unique(np.linspace(0, number - 1, min(number, _MOST_SEGMENTS)).round().astype(int))
    return float(np.mean([np.polyval(_OVERALL, raw) for raw in _run(model, audio, chosen * _SEGMENT)]))


def _run(model: Path, audio: Recording, starts: npt.NDArray[np.intp]) -> list[float]:
    """Return the network's overall output for the segments that begin there."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return [float(session.run(None, {name: audio[start : start + _SEGMENT][None]})[0][0][2]) for start in starts]
