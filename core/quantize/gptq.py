"""GPTQ: rounding a weight matrix so that its products stay close. Each column's error is compensated by later columns.

(E. Frantar, S. Ashkboos, T. Hoefler, D. Alistarh, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
Transformers", 2023.)
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

# Share of the diagonal's mean that is added to it: keeps the inverse stable where inputs hardly vary.
_DAMPING = 0.01
# Columns whose errors are propagated to the rest together: at least as many as share a scale.
_BATCH_COLUMNS = 128
_CLIPS = np.linspace(0.5, 1.0, 11)


def gptq(
    weight: npt.NDArray[np.float32], hessian: Matrix, largest: int, block: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Round [out, in] to integers in ±largest, and return them and their scales, [out, blocks].

    `hessian` is the sum of the outer products of the inputs, [in, in]. The last block may be shorter.
    """
    remaining = weight.astype(np.float64)
    columns = remaining.shape[1]
    factor = _inverse_cholesky(hessian)
    integers = np.empty(remaining.shape, np.int8)
    scales = np.empty((remaining.shape[0], math.ceil(columns / block)))
    for begin in range(0, columns, _BATCH_COLUMNS):
        end = min(begin + _BATCH_COLUMNS, columns)
        errors = np.zeros((remaining.shape[0], end - begin))
        for column in range(begin, end):
            if column % block == 0:
                scales[:, column // block] = _scales(remaining[:, column : column + block], largest)
            scale = scales[:, column // block]
            integers[:, column] = _round(remaining[:, column], scale, largest)
            error = (remaining[:, column] - integers[:, column] * scale) / factor[column, column]
            remaining[:, column + 1 : end] -= np.outer(error, factor[column, column + 1 : end])
            errors[:, column - begin] = error
        remaining[:, end:] -= errors @ factor[begin:end, end:]
    return integers, scales.astype(np.float32)


def _inverse_cholesky(hessian: Matrix) -> Matrix:
    """Return the upper Cholesky factor of the inverse: how an error in one column spreads to later columns."""
    damped = hessian.copy()
    diagonal = np.diag(damped).copy()
    damped[np.diag_indices_from(damped)] += _DAMPING * max(float(diagonal.mean()), 1e-12)
    upper: Matrix = np.linalg.cholesky(np.linalg.inv(damped)).T
    return upper


def _scales(columns: Matrix, largest: int) -> Matrix:
    """Return a scale for each row, clipped where that has the least squared error."""
    limits = np.maximum(np.abs(columns).max(axis=1), 1e-12)
    candidates = [limits * clip / largest for clip in _CLIPS]
    errors = [((_round(columns, s[:, None], largest) * s[:, None] - columns) ** 2).sum(axis=1) for s in candidates]
    best: Matrix = np.choose(np.argmin(errors, axis=0), candidates)
    return best


def _round(values: Matrix, scale: Matrix, largest: int) -> Any:
    return np.clip(np.rint(values / scale), -largest, largest)
