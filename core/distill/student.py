"""A student: what takes the place of the stages behind the first one of a voice's decoder.

It computes at half the rate of the voice's second stage, with twice its channels, because int8 is faster with more of them:
an upsampler, residual convolutions, and a convolution whose outputs are consecutive samples. Eight bits are enough only if
values are about as large at all times, while speech is loud and quiet. So what the upsampler computes is divided by its own
level, the root mean square over some milliseconds, and the output is multiplied by it.
"""

from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.graph.index import GraphIndex
from core.quantize.kernels.static_int8 import QuantParams
from core.rewrite.chunked_decoder import STAGES_BEFORE_LOOP
from core.seed import SEED
from core.vits.convolution import Convolution, Weights
from core.vits.hifigan import Decoder, Upsampler
from core.vits.receptive_field import ReceptiveField

Size = Literal["large", "medium", "small"]

SMOOTHED = 33
"""The positions that the mean of the level is taken over, twice: with 32 samples a position about 50 ms."""
LEAST_POWER = 1e-6
"""What is added to the mean square, so that silence can be divided by it."""
# Of the normal distribution that weights start from, relative to one that keeps the variance.
_RESIDUAL_GAIN, _OUTPUT_GAIN = 0.3, 0.1


@dataclass(frozen=True)
class Shape:
    """The layers of a student of some size, and how long it is trained."""

    residuals: tuple[tuple[int, int], ...]
    """Taps and dilation of each residual convolution."""
    steps: int
    """How many steps of training make it sound about as good as it can."""
    first_taps: int = 3
    """Positions that the first layer reads, an odd number."""
    last_taps: int = 9


SHAPES: dict[Size, Shape] = {
    "large": Shape(((3, 1), (3, 3), (3, 9), (3, 1), (3, 3), (3, 9), (3, 1)), steps=30_000),
    "medium": Shape(((3, 1), (3, 3), (3, 9), (3, 1), (3, 3)), steps=24_000),
    "small": Shape(((3, 1), (3, 3), (3, 9)), steps=24_000),
}


@dataclass(frozen=True)
class Student:
    """The layers of a student. An activation precedes each convolution."""

    slope: float
    """Of the activation of the input."""
    first: Convolution
    """Its outputs are those of `upsampling` positions side by side."""
    upsampling: int
    inner_slope: float
    """Of all other activations."""
    residuals: tuple[Convolution, ...]
    last: Convolution
    """Its outputs are the samples at a position."""
    ranges: tuple[QuantParams, ...] = field(default=())
    """Of the inputs of `first` and of each residual convolution; none for a student that is not rounded."""

    @property
    def channels(self) -> int:
        """Return the number of channels of the residual convolutions."""
        return len(self.first.weight) // self.upsampling

    @property
    def rate(self) -> int:
        """Return the samples for each position of the input."""
        return self.upsampling * len(self.last.weight)

    @property
    def field(self) -> ReceptiveField:
        """Return the receptive field of a sample, in positions of the input."""
        # The level is a mean of means, interpolated between a position and the ones beside it.
        level = ReceptiveField().convolved(self.first.taps, 1).convolved(2 * SMOOTHED - 1, 1).convolved(3, 1)
        inner = ReceptiveField(level.exact, self.upsampling)
        for conv in (*self.residuals, self.last):
            inner = inner.convolved(conv.taps, conv.dilation)
        return ReceptiveField(inner.exact, self.rate)


def untrained(decoder: Decoder, shape: Shape) -> Student:
    """Return a student of the decoder that starts with the voice's own next upsampler and random residual convolutions."""
    dice = np.random.default_rng(SEED)
    replaced = decoder.stages[STAGES_BEFORE_LOOP:]
    own = replaced[0].upsampler
    merged = 2 if own.rate % 2 == 0 else 1
    channels = merged * replaced[0].channels

    def convolution(outputs: int, taps: int, dilation: int, gain: float) -> Convolution:
        weight = dice.normal(0, gain / np.sqrt(channels * taps), (outputs, channels, taps))
        return _convolution(weight, dilation)

    hop = merged * prod(stage.upsampler.rate for stage in replaced[1:])
    return Student(
        slope=replaced[0].slope,
        first=_as_convolution(own, shape.first_taps),
        upsampling=own.rate // merged,
        inner_slope=replaced[0].block_slope,
        residuals=tuple(convolution(channels, *one, _RESIDUAL_GAIN) for one in shape.residuals),
        last=convolution(hop, shape.last_taps, 1, _OUTPUT_GAIN),
    )


def input_of_student(index: GraphIndex, decoder: Decoder) -> str:
    """Return what a student reads, in the graph that the decoder was read from: the tensor behind the stages that are kept."""
    activated = decoder.stages[STAGES_BEFORE_LOOP].upsampler.input
    return str(index.nodes[index.producer[activated]].input[0])


def _as_convolution(upsampler: Upsampler, taps: int) -> Convolution:
    """Return an upsampler as a convolution whose outputs are all positions that it makes of one, in the order of time.

    Inputs beyond the taps of the convolution are left out.
    """
    inputs, channels, length = upsampler.weight.shape
    weight: Weights = np.zeros((upsampler.rate, channels, inputs, taps), np.float32)
    for number in range(length):
        later, phase = divmod(number - upsampler.padding, upsampler.rate)
        tap = taps // 2 - later
        if 0 <= tap < taps:
            weight[phase, :, :, tap] = upsampler.weight[:, :, number].T
    bias = np.zeros(channels, np.float32) if upsampler.bias is None else upsampler.bias
    return Convolution(weight.reshape(-1, inputs, taps), np.tile(bias, upsampler.rate), 1, "", "")


def _convolution(weight: npt.NDArray[np.floating[Any]], dilation: int = 1) -> Convolution:
    return Convolution(weight.astype(np.float32), np.zeros(len(weight), np.float32), dilation, "", "")


def triangles(count: int) -> Weights:
    """Return the weights of linear interpolation, [count, 3], of `count` points from a value and the ones beside it."""
    distance = (np.arange(count) + 0.5) / count - 0.5
    weights = np.stack([np.maximum(-distance, 0), 1 - np.abs(distance), np.maximum(distance, 0)], axis=1)
    return weights.astype(np.float32)
