"""Rewriting a stage of the decoder with a kernel of choice.

Between stages a tensor is channels-last, [batch, samples, channels]: there a convolution is a matrix product over the
unfolded taps, and the phases of an upsampler lie in memory in the order of time.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from core.graph.builder import GraphBuilder
from core.vits.convolution import Convolution, Weights
from core.vits.hifigan import Stage, Upsampler


class StageKernel(Protocol):
    """How one stage is computed.

    Tensors between `to_layout` and `from_layout` are in the kernel's own layout; what `activate` returns is in a form that
    only `convolve` needs to understand.
    """

    def upsample(self, x: str) -> str:
        """Write the stage's activation and upsampler, from channels-last to channels-last."""

    def to_layout(self, x: str) -> str:
        """Convert from channels-last to the kernel's layout."""

    def activate(self, x: str) -> Any:
        """Write the activation in front of a step's first convolution. `x` is a sum, or the input of the blocks."""

    def activate_inner(self, x: str) -> Any:
        """Write the activation between the two convolutions of a step. `x` is an output that has no other consumer."""

    def convolve(self, activated: Any, conv: Convolution) -> str:
        """Write a convolution that keeps the length."""

    def add(self, x: str, y: str) -> str:
        """Write a residual sum."""

    def from_layout(self, x: str) -> str:
        """Convert from the kernel's layout to channels-last."""


MakeKernel = Callable[[GraphBuilder, Stage, int], StageKernel]
"""Takes builder, stage and batch size."""


def write_residual_blocks(kernel: StageKernel, x: str, stage: Stage) -> str:
    """Write the stage's residual blocks and their sum, without the division, which is folded into later weights."""
    first = kernel.activate(x)
    total = None
    for block in stage.blocks:
        y, activated = x, first
        for number, step in enumerate(block):
            if number:
                activated = kernel.activate(y)
            output = kernel.convolve(activated, step[0])
            for conv in step[1:]:
                output = kernel.convolve(kernel.activate_inner(output), conv)
            y = kernel.add(output, y)
        total = y if total is None else kernel.add(total, y)
    return total or x


def unfold(b: GraphBuilder, x: str, taps: int, dilation: int, padding: int, fill: str) -> str:
    """Write the taps of a convolution side by side, [batch, samples, channels] to [batch, samples', taps * channels]."""
    padded = b.op("Pad", x, b.integers(0, padding, 0, 0, padding, 0), fill)
    span, axis = dilation * (taps - 1), b.integers(1)
    ends = [dilation * tap - span for tap in range(taps)]
    shifted = [
        b.op("Slice", padded, b.integers(dilation * tap), b.integers(end or _TO_THE_END), axis)
        for tap, end in enumerate(ends)
    ]
    return b.op("Concat", *shifted, axis=2)


def has_phases(upsampler: Upsampler) -> bool:
    """Return whether each output depends on the same number of inputs, so that each phase is a convolution."""
    return bool(upsampler.weight.shape[2] % upsampler.rate == 0)


def phase_taps(upsampler: Upsampler) -> int:
    """Return the inputs that each output depends on, of an upsampler that has phases."""
    return int(upsampler.weight.shape[2]) // upsampler.rate


def phases(upsampler: Upsampler) -> Weights:
    """Return the upsampler as a matrix, [taps * in, rate * out], over the inputs from the earliest to the current one.

    The output at t * rate + phase is the sum of the inputs at t - n times the weight `phase + n * rate`.
    """
    inputs, outputs, _ = upsampler.weight.shape
    taps = upsampler.weight.reshape(inputs, outputs, phase_taps(upsampler), upsampler.rate)[:, :, ::-1]
    return np.ascontiguousarray(taps.transpose(2, 0, 3, 1).reshape(-1, upsampler.rate * outputs))


def interleave(b: GraphBuilder, y: str, upsampler: Upsampler, batch: int) -> str:
    """Write the product with the phases, [batch, samples + taps - 1, rate * out], as [batch, samples * rate, out]."""
    y = b.op("Reshape", y, b.integers(batch, -1, upsampler.weight.shape[1]))
    padding = upsampler.padding
    return b.op("Slice", y, b.integers(padding), b.integers(-padding), b.integers(1)) if padding else y


_TO_THE_END = 2**62
