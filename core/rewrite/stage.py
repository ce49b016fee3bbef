"""Writes a stage of a decoder anew, in an arithmetic of one's choice.

Between stages a tensor is time-major, [rows, samples, channels]: there a convolution is a matrix product over the taps
laid side by side, and the phases of an upsampler lie in the memory as they follow each other in time.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from core.graph.builder import GraphBuilder
from core.vits.convolution import Convolution, Weights
from core.vits.hifigan import Stage, Upsampler


class Arithmetic(Protocol):
    """How one stage is computed.

    What lies between `enter` and `leave` is in a layout of its own, what was activated in a form of its own.
    """

    def upsample(self, x: str) -> str:
        """The stage's activation and upsampler, from time-major to time-major."""

    def enter(self, x: str) -> str:
        """From time-major to the arithmetic's own layout."""

    def activate(self, x: str) -> Any:
        """The activation in front of a convolution, ready to be convolved; `x` is a sum, or what entered."""

    def activate_between(self, x: str) -> Any:
        """The same between the two convolutions of a step; `x` is a convolution's output that nobody else reads."""

    def convolve(self, activated: Any, conv: Convolution) -> str: ...

    def add(self, x: str, y: str) -> str: ...

    def leave(self, x: str) -> str:
        """Back to time-major."""


MakeArithmetic = Callable[[GraphBuilder, Stage, int], Arithmetic]


def write_blocks(arithmetic: Arithmetic, x: str, stage: Stage) -> str:
    """The stage's residual blocks, added up; the sum is left to the next stage to divide."""
    first = arithmetic.activate(x)
    total = None
    for block in stage.blocks:
        y, activated = x, first
        for number, step in enumerate(block):
            if number:
                activated = arithmetic.activate(y)
            made = arithmetic.convolve(activated, step[0])
            for conv in step[1:]:
                made = arithmetic.convolve(arithmetic.activate_between(made), conv)
            y = arithmetic.add(made, y)
        total = y if total is None else arithmetic.add(total, y)
    return total or x


def unfold(b: GraphBuilder, x: str, taps: int, dilation: int, padding: int, fill: str) -> str:
    """The taps of a convolution side by side: [rows, samples, channels] to [rows, samples', taps * channels]."""
    padded = b.op("Pad", x, b.integers(0, padding, 0, 0, padding, 0), fill)
    reach, axis = dilation * (taps - 1), b.integers(1)
    ends = [dilation * tap - reach for tap in range(taps)]
    shifted = [
        b.op("Slice", padded, b.integers(dilation * tap), b.integers(end or _TO_THE_END), axis)
        for tap, end in enumerate(ends)
    ]
    return b.op("Concat", *shifted, axis=2)


def has_phases(upsampler: Upsampler) -> bool:
    """Whether each output sees just two inputs, so that the upsampler is a convolution with two taps a phase."""
    return bool(upsampler.weight.shape[2] == 2 * upsampler.rate)


def phases(upsampler: Upsampler) -> Weights:
    """The upsampler as a matrix, [2 * in, rate * out]: the input before, then the input at the time.

    The output at t * rate + phase sees the input at t with tap `phase`, and the one at t - 1 with tap `phase + rate`.
    """
    taps = upsampler.weight.transpose(0, 2, 1)  # in, taps, out
    both = np.stack([taps[:, upsampler.rate :], taps[:, : upsampler.rate]])
    return np.ascontiguousarray(both.reshape(2 * taps.shape[0], -1))


def interleave(b: GraphBuilder, y: str, upsampler: Upsampler, rows: int) -> str:
    """What the matrix of phases gave, [rows, samples + 1, rate * out], as [rows, samples * rate, out]."""
    y = b.op("Reshape", y, b.integers(rows, -1, upsampler.weight.shape[1]))
    padding = upsampler.padding
    return b.op("Slice", y, b.integers(padding), b.integers(-padding), b.integers(1)) if padding else y


_TO_THE_END = 2**62
