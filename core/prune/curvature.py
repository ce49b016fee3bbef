"""How the audible error grows with the weights of each convolution: a Kronecker product of two small matrices.

(J. Martens, R. Grosse, "Optimizing Neural Networks with Kronecker-factored Approximate Curvature", 2015.)
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from core.prune.network import Convolve
from core.vits.convolution import Weights

# Share of the diagonal's mean that is added to it: keeps the inverse stable where inputs hardly vary.
_DAMPING = 1e-3


@dataclass(frozen=True)
class Curvature:
    """The curvature of one convolution's parameter."""

    inputs: Weights
    """Mean of the outer products of its unfolded input, with a one for the bias."""
    outputs: Weights
    """Sum of the outer products of its output's gradient."""

    def __call__(self, change: Weights) -> Weights:
        """Return the product with a matrix of the parameter's shape."""
        product: Weights = np.linalg.multi_dot([self.outputs, change, self.inputs])
        return product

    def inverse(self) -> Self:
        """Return its inverse, damped: the inverse of a Kronecker product is the product of the inverses."""
        return type(self)(_inverse(self.inputs), _inverse(self.outputs))


class Moments:
    """Collects the curvature of all convolutions during backward passes."""

    def __init__(self) -> None:
        self._inputs: dict[int, Any] = {}
        self._outputs: dict[int, Any] = {}
        self._samples: dict[int, int] = {}

    def add(self, node: Convolve, columns: Weights, gradient: Weights) -> None:
        """Add the unfolded input of a convolution and the gradient of its output."""
        number, sums = node.parameter, columns.sum(axis=1, keepdims=True)
        ones = np.full((1, 1), columns.shape[1], np.float32)
        moments = np.block([[columns @ columns.T, sums], [sums.T, ones]])
        self._inputs[number] = self._inputs.get(number, 0) + moments
        self._outputs[number] = self._outputs.get(number, 0) + gradient @ gradient.T
        self._samples[number] = self._samples.get(number, 0) + columns.shape[1]

    def merge(self, other: "Moments") -> None:
        """Add what another one collected."""
        for number in other._samples:
            self._inputs[number] = self._inputs.get(number, 0) + other._inputs[number]
            self._outputs[number] = self._outputs.get(number, 0) + other._outputs[number]
            self._samples[number] = self._samples.get(number, 0) + other._samples[number]

    def curvatures(self) -> list[Curvature]:
        """Return the curvature of each parameter."""
        return [
            Curvature((self._inputs[n] / self._samples[n]).astype(np.float32), self._outputs[n].astype(np.float32))
            for n in range(len(self._samples))
        ]


def _inverse(matrix: Weights) -> Weights:
    damped = matrix.astype(np.float64)
    damped[np.diag_indices_from(damped)] += max(_DAMPING * float(np.trace(damped)) / len(damped), 1e-20)
    inverse: Weights = np.linalg.inv(damped).astype(np.float32)
    return inverse
