"""Recordings at another sample rate."""

from math import gcd

import numpy as np
import numpy.typing as npt

Recording = npt.NDArray[np.float32]


def resampled(audio: Recording, sample_rate: int, wanted: int) -> Recording:
    """Return audio, float32 [samples], at the wanted sample rate."""
    from scipy.signal import resample_poly

    common = gcd(sample_rate, wanted)
    converted: Recording = resample_poly(audio, wanted // common, sample_rate // common).astype(np.float32)
    return converted
