"""Judge what a voice returned for a sentence: it must be audio of a plausible length."""

from typing import Any

import numpy as np
import numpy.typing as npt

from core.voices.faults import Fault, FaultFound

# Piper divides by the peak, unless it is smaller than this.
_SMALLEST_PEAK = 1e-8
# People need 40 to 100 ms for a phoneme; stress marks count as one.
_SECONDS_PER_PHONEME = 0.018, 0.5
_USUAL_RATES = (22_050, 16_000, 24_000, 44_100, 48_000)
_LOW_QUALITIES = ("low", "x_low")
_LOW_RATE = 16_000


def judge_audio(audio: npt.NDArray[Any]) -> None:
    """Raise FaultFound unless this is one axis of samples that are finite and not silent."""
    if audio.ndim != 1 or audio.dtype.kind not in "fiu":
        raise FaultFound(Fault.NOT_AUDIO, shape=list(audio.shape), found=str(audio.dtype))
    samples = audio.astype(np.float64)
    if not np.isfinite(samples).all():
        raise FaultFound(Fault.NOT_FINITE)
    # A constant is as silent as zeros.
    if not samples.size or np.ptp(samples) < max(_SMALLEST_PEAK, 1e-6 * np.abs(samples).max()):
        raise FaultFound(Fault.SILENT)


def judge_length(
    samples: int, phonemes: int, rate: int, length_scale: float, quality: object, metadata: dict[str, str]
) -> None:
    """Raise FaultFound if a sentence of so many phonemes cannot last that long, or if the voice has another rate.

    `quality` is Piper's name for it, `metadata` what is stored in the model.
    """
    facts = {"seconds": samples / rate, "value": rate}
    stored = metadata.get("sample_rate", "")
    if stored.isdecimal() and int(stored) != rate and int(stored) > 0:
        raise FaultFound(Fault.RATE, **facts, rate=int(stored))
    if _is_plausible(samples / rate, phonemes, length_scale):
        return
    for usual in ((_LOW_RATE,) if quality in _LOW_QUALITIES else ()) + _USUAL_RATES:
        if _is_plausible(samples / usual, phonemes, length_scale):
            raise FaultFound(Fault.RATE, **facts, rate=usual)
    raise FaultFound(Fault.LENGTH, **facts)


def _is_plausible(seconds: float, phonemes: int, length_scale: float) -> bool:
    """Return whether this may be the length, at that length scale or, for lengths that are rounded up, without it."""
    low, high = _SECONDS_PER_PHONEME
    return low * min(1.0, length_scale) <= seconds / phonemes <= high * max(1.0, length_scale)
