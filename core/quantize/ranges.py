"""Choosing u8 ranges from observed values."""

import numpy as np
import numpy.typing as npt

from core.quantize.kernels.static_int8 import QuantParams

_LEVELS = 255
# A tensor with a smaller range is treated as zero: its scale would be too small for 32-bit arithmetic.
_MIN_RANGE = 1e-9
# Fractions of the full range at which it may be clipped.
_CLIPS = np.linspace(0.25, 1.0, 31)


def fit_range(values: npt.NDArray[np.float32], clip: str) -> QuantParams:
    """Return the u8 range for these values: the full range (`max`), or the one with the least squared error (`mse`)."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    if high - low <= _MIN_RANGE:
        return QuantParams(1.0, 0)
    candidates = [_spread(low * share, high * share) for share in (_CLIPS if clip == "mse" else (1.0,))]
    return min(candidates, key=lambda params: _error(values, params))


def _spread(low: float, high: float) -> QuantParams:
    scale = (high - low) / _LEVELS
    return QuantParams(scale, round(-low / scale))


def _error(values: npt.NDArray[np.float32], params: QuantParams) -> float:
    rounded = (
        np.clip(np.rint(values / params.scale) + params.zero_point, 0, _LEVELS) - params.zero_point
    ) * params.scale
    return float(np.mean((rounded - values) ** 2))
