"""The range that 8 bits are spread over, from values that were seen."""

import numpy as np
import numpy.typing as npt

from core.quantize.kernels.static_int8 import Affine

_LEVELS = 255
# A tensor that stays within it is as good as zero, and its steps would be too small for 32 bits.
_NOTHING = 1e-9
# Shares of the full range at which it may be clipped.
_CLIPS = np.linspace(0.25, 1.0, 31)


def affine(values: npt.NDArray[np.float32], clip: str) -> Affine:
    """The u8 range for these values: all of it (`max`), or the one with the least squared error (`mse`)."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    if high - low <= _NOTHING:
        return Affine(1.0, 0)
    tried = [_spread(low * share, high * share) for share in (_CLIPS if clip == "mse" else (1.0,))]
    return min(tried, key=lambda entry: _error(values, entry))


def _spread(low: float, high: float) -> Affine:
    scale = (high - low) / _LEVELS
    return Affine(scale, round(-low / scale))


def _error(values: npt.NDArray[np.float32], by: Affine) -> float:
    rounded = (np.clip(np.rint(values / by.scale) + by.zero, 0, _LEVELS) - by.zero) * by.scale
    return float(np.mean((rounded - values) ** 2))
