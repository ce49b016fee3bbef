"""Judge what a voice returned for a sentence: it must be audio that Piper makes audible, of a plausible length."""

from typing import Any

import numpy as np
import numpy.typing as npt

from core.voices.faults import Fault, FaultFound

# Piper divides by the peak, unless it is smaller than this.
_SMALLEST_PEAK = 1e-8
_LARGEST_SAMPLE = 32_767
# Speech differs from silence in most samples, a click in a few; rounding turns silence into one step.
_FEWEST_AUDIBLE, _SMALLEST_STEP = 0.01, 1
_MOST_CHANNELS = 8
# Those of mel spectrograms.
_BANDS = (40, 64, 80, 100, 128)
# People need 40 to 100 ms for a phoneme; stress marks count as one.
_SECONDS_PER_PHONEME = 0.018, 0.5
_USUAL_RATES = (22_050, 16_000, 24_000, 44_100, 48_000)
_LOW_QUALITIES = ("low", "x_low")
_LOW_RATE = 16_000


def judge_audio(audio: npt.NDArray[Any]) -> None:
    """Raise FaultFound unless this is one axis of samples that are finite and, as Piper plays them, not silent."""
    if audio.dtype.kind not in "fiu":
        raise FaultFound(Fault.NOT_NUMBERS, found="text" if audio.dtype.kind in "OSU" else str(audio.dtype))
    if audio.ndim != 1:
        raise _not_samples(audio.shape)
    samples = audio.astype(np.float64)
    if not np.isfinite(samples).all():
        raise FaultFound(Fault.NOT_FINITE)
    if not _is_audible(samples):
        raise FaultFound(Fault.SILENT)


def _not_samples(shape: tuple[int, ...]) -> FaultFound:
    """Return what an output is that has more than one axis, or none."""
    sizes = sorted(shape)
    if len(sizes) == 2 and sizes[0] <= _MOST_CHANNELS < sizes[1]:
        return FaultFound(Fault.CHANNELS, count=sizes[0])
    bands = [size for size in shape if size in _BANDS]
    if len(sizes) == 2 and bands:
        return FaultFound(Fault.SPECTROGRAM, count=bands[0])
    return FaultFound(Fault.NOT_AUDIO, shape=list(shape))


def _is_audible(samples: npt.NDArray[np.float64]) -> bool:
    """Return whether more than a click is left of samples in Piper's 16 bits, after it has divided them by the peak."""
    peak = np.abs(samples).max(initial=0)
    if peak < _SMALLEST_PEAK:
        return False
    played = (samples / peak * _LARGEST_SAMPLE).astype(np.int16).astype(np.int32)
    # A constant is as silent as zeros.
    return bool(np.mean(np.abs(played - np.median(played)) > _SMALLEST_STEP) >= _FEWEST_AUDIBLE)


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
