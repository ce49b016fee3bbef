"""Nonlinear least squares: Gauss-Newton steps, each solved by conjugate gradients with a preconditioner.

Only products with the derivatives are formed, example by example, so that memory follows one example for each thread.
(J. Nocedal, S. Wright, "Numerical Optimization", 2006, chapters 5 and 10.)
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from core.prune.audible_error import AudibleError
from core.prune.curvature import Curvature, Moments
from core.prune.network import Network, Parameters, Pass
from core.vits.convolution import Weights

# Shares of a step that are tried: the first that reduces the error is taken.
_STEPS = (1.0, 0.5, 0.25, 0.1)
# Of the curvature, added to it.
_DAMPING = 0.1
# Examples from which the curvature is estimated.
_FOR_CURVATURE = 4


@dataclass(frozen=True)
class Example:
    """An input of the network, [channels, samples], the audio that it should produce, and what is heard of an error."""

    x: Weights
    audio: Weights
    error: AudibleError


class LeastSquares:
    """The sum of the audible errors of a network over some examples."""

    def __init__(self, network: Network, examples: Sequence[Example], pool: ThreadPoolExecutor) -> None:
        self._network, self._examples, self._pool = network, examples, pool

    def value(self, parameters: Parameters) -> float:
        """Return the error."""

        def of(example: Example) -> float:
            difference = Pass(self._network, parameters, example.x).audio - example.audio
            return float(np.vdot(difference, example.error.weigh(difference)))

        return sum(self._pool.map(of, self._examples))

    def curvatures(self, parameters: Parameters, random: np.random.Generator) -> list[Curvature]:
        """Return the estimated curvature of each parameter."""

        def of(example: Example, seed: int) -> Moments:
            moments = Moments()
            noise = example.error.draw(np.random.default_rng(seed))
            Pass(self._network, parameters, example.x).backward(noise, moments.add)
            return moments

        chosen = self._examples[:_FOR_CURVATURE]
        total = Moments()
        for moments in self._pool.map(of, chosen, random.integers(2**31, size=len(chosen))):
            total.merge(moments)
        return total.curvatures()

    def step(self, parameters: Parameters, iterations: int, random: np.random.Generator) -> tuple[Parameters, float]:
        """Return the parameters after one step, and the factor by which it reduced the error."""
        curvatures = self.curvatures(parameters, random)
        before, gradient = self._gradient(parameters)
        change = self._solve(parameters, gradient, curvatures, iterations)
        for share in _STEPS:
            moved = _plus(parameters, change, share)
            after = self.value(moved)
            if after < before:
                return moved, before / max(after, 1e-30)
        return parameters, 1.0

    def _gradient(self, parameters: Parameters) -> tuple[float, Parameters]:
        def of(example: Example) -> tuple[float, Parameters]:
            run = Pass(self._network, parameters, example.x)
            difference = run.audio - example.audio
            weighed = example.error.weigh(difference)
            return float(np.vdot(difference, weighed)), run.backward(weighed)

        values, gradients = zip(*self._pool.map(of, self._examples), strict=True)
        return sum(values), _total(gradients)

    def _solve(
        self, parameters: Parameters, gradient: Parameters, curvatures: list[Curvature], iterations: int
    ) -> Parameters:
        """Return the change that would be best if the network were linear, by conjugate gradients.

        Changes are damped where the error depends on them, since these examples are not all there are.
        """
        inverses = [curvature.inverse() for curvature in curvatures]
        damping = _DAMPING * len(self._examples) / min(len(self._examples), _FOR_CURVATURE)

        def product(example: Example, direction: Parameters) -> Parameters:
            run = Pass(self._network, parameters, example.x)
            return run.backward(example.error.weigh(run.forward(direction)))

        change: Parameters = [np.zeros_like(part) for part in gradient]
        residual: Parameters = [-part for part in gradient]
        scaled = [inverse(part) for inverse, part in zip(inverses, residual, strict=True)]
        direction, size = scaled, _dot(residual, scaled)
        for _ in range(iterations):
            moved = _total(self._pool.map(product, self._examples, [direction] * len(self._examples)))
            damped = [curvature(part) for curvature, part in zip(curvatures, direction, strict=True)]
            moved = _plus(moved, damped, damping)
            curved = _dot(direction, moved)
            if not curved > 0:
                break
            length = size / curved
            change, residual = _plus(change, direction, length), _plus(residual, moved, -length)
            scaled = [inverse(part) for inverse, part in zip(inverses, residual, strict=True)]
            following = _dot(residual, scaled)
            direction, size = _plus(scaled, direction, following / size), following
        return change


def _plus(first: Parameters, second: Parameters, factor: float) -> Parameters:
    return [a + np.float32(factor) * b for a, b in zip(first, second, strict=True)]


def _dot(first: Parameters, second: Parameters) -> float:
    return float(sum(np.vdot(a, b) for a, b in zip(first, second, strict=True)))


def _total(gradients: Iterable[Parameters]) -> Parameters:
    """Return the sum, always added in the same order."""
    remaining = iter(gradients)
    total = next(remaining)
    for parts in remaining:
        total = _plus(total, parts, 1.0)
    return total
