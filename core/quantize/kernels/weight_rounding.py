"""Rounding weights to integers with a scale for each output channel."""

import numpy as np
import numpy.typing as npt

from core.vits.convolution import Weights

# CPUs without VNNI add pairs of u8 x s8 products in 16 bits: with 7-bit weights the sum cannot saturate
# (2 * 255 * 63 < 2**15), and every CPU computes the same.
MAX_WEIGHT = 63

# Fractions of a channel's largest weight at which it may be clipped; the one with the least squared error is taken.
_CLIPS = np.linspace(0.6, 1.0, 17)


def quantize_per_channel(matrix: Weights, min_scale: Weights | float = 0.0) -> tuple[npt.NDArray[np.int8], Weights]:
    """Round [in, out] to integers in ±MAX_WEIGHT, and return them and a scale for each column.

    Weights are clipped where that has the least squared error. No scale is smaller than `min_scale`.
    """
    largest = np.maximum(np.abs(matrix).max(axis=0), 1e-12)
    least_error = np.full(matrix.shape[1], np.inf)
    scales = np.empty(matrix.shape[1], np.float32)
    for clip in _CLIPS:
        candidate = (largest * clip / MAX_WEIGHT).astype(np.float32)
        error = ((_round(matrix, candidate) * candidate - matrix) ** 2).sum(axis=0)
        scales = np.where(error < least_error, candidate, scales)
        least_error = np.minimum(error, least_error)
    scales = np.maximum(scales, min_scale).astype(np.float32)
    return _round(matrix, scales).astype(np.int8), scales


def _round(matrix: Weights, scales: Weights) -> Weights:
    rounded: Weights = np.clip(np.rint(matrix / scales), -MAX_WEIGHT, MAX_WEIGHT)
    return rounded
