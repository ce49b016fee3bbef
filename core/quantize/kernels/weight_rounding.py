"""Rounds weights to integers, a scale for each output channel."""

import numpy as np
import numpy.typing as npt

from core.vits.convolution import Weights

# u8 x s8 products are added in pairs in 16 bits by CPUs without VNNI: with 7 bits of weight the sum cannot saturate
# (2 * 255 * 63 < 2**15), and every CPU gives the same.
LARGEST = 63

# Shares of a channel's largest weight at which it may be clipped; the one with the least squared error is taken.
_CLIPS = np.linspace(0.6, 1.0, 17)


def round_columns(matrix: Weights, finest: Weights | float = 0.0) -> tuple[npt.NDArray[np.int8], Weights]:
    """[in, out] as integers in ±LARGEST and a scale for each column, clipped where that errs least.

    No scale is smaller than `finest`, one for each column or for all.
    """
    largest = np.maximum(np.abs(matrix).max(axis=0), 1e-12)
    least = np.full(matrix.shape[1], np.inf)
    scales = np.empty(matrix.shape[1], np.float32)
    for clip in _CLIPS:
        tried = (largest * clip / LARGEST).astype(np.float32)
        error = ((_round(matrix, tried) * tried - matrix) ** 2).sum(axis=0)
        scales = np.where(error < least, tried, scales)
        least = np.minimum(error, least)
    scales = np.maximum(scales, finest).astype(np.float32)
    return _round(matrix, scales).astype(np.int8), scales


def _round(matrix: Weights, scales: Weights) -> Weights:
    rounded: Weights = np.clip(np.rint(matrix / scales), -LARGEST, LARGEST)
    return rounded
