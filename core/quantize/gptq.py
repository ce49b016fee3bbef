"""Rounds a weight matrix so that its products stay close, not its entries: each column's error is made up for by the next.

(E. Frantar, S. Ashkboos, T. Hoefler, D. Alistarh, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
Transformers", 2023.)
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

# Of the mean of the diagonal: keeps the inverse tame where inputs hardly vary.
_DAMPING = 0.01
# Columns whose errors are carried to the rest at once: no fewer than share a scale, which is found when the first is due.
_AT_ONCE = 128
_CLIPS = np.linspace(0.5, 1.0, 11)


def gptq(
    weight: npt.NDArray[np.float32], moments: Matrix, largest: int, block: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """[out, in] as integers in ±largest, and their scales, [out, blocks]; the last block may be shorter.

    `moments` is the sum of the inputs' outer products, [in, in].
    """
    left = weight.astype(np.float64)
    columns = left.shape[1]
    carry = _carry(moments)
    integers = np.empty(left.shape, np.int8)
    scales = np.empty((left.shape[0], math.ceil(columns / block)))
    for begin in range(0, columns, _AT_ONCE):
        end = min(begin + _AT_ONCE, columns)
        errors = np.zeros((left.shape[0], end - begin))
        for column in range(begin, end):
            if column % block == 0:
                scales[:, column // block] = _scales(left[:, column : column + block], largest)
            scale = scales[:, column // block]
            integers[:, column] = _round(left[:, column], scale, largest)
            error = (left[:, column] - integers[:, column] * scale) / carry[column, column]
            left[:, column + 1 : end] -= np.outer(error, carry[column, column + 1 : end])
            errors[:, column - begin] = error
        left[:, end:] -= errors @ carry[begin:end, end:]
    return integers, scales.astype(np.float32)


def _carry(moments: Matrix) -> Matrix:
    """The upper Cholesky factor of the inverse: how an error in one column is spread over those after it."""
    damped = moments.copy()
    diagonal = np.diag(damped).copy()
    damped[np.diag_indices_from(damped)] += _DAMPING * max(float(diagonal.mean()), 1e-12)
    factor: Matrix = np.linalg.cholesky(np.linalg.inv(damped)).T
    return factor


def _scales(columns: Matrix, largest: int) -> Matrix:
    """A scale for each row, clipped where that errs least."""
    reach = np.maximum(np.abs(columns).max(axis=1), 1e-12)
    tried = [reach * clip / largest for clip in _CLIPS]
    errors = [((_round(columns, s[:, None], largest) * s[:, None] - columns) ** 2).sum(axis=1) for s in tried]
    best: Matrix = np.choose(np.argmin(errors, axis=0), tried)
    return best


def _round(values: Matrix, scale: Matrix, largest: int) -> Any:
    return np.clip(np.rint(values / scale), -largest, largest)
