"""What the int8 kernels of a stage have in common: channels-last layout, and fp32 sums."""

from abc import ABC, abstractmethod

import numpy as np

from core.graph.builder import GraphBuilder
from core.rewrite.nchwc import upsample
from core.rewrite.stage import has_phases, interleave
from core.vits.convolution import Weights
from core.vits.hifigan import Stage, Upsampler


class ChannelsLast(ABC):
    """The kernel of one stage over [batch, samples, channels]."""

    def __init__(self, builder: GraphBuilder, stage: Stage, batch: int) -> None:
        self._b, self._stage, self._batch = builder, stage, batch

    def upsample(self, x: str) -> str:
        """Write the upsampler in int8 if its phases are a product, else in fp32."""
        b, upsampler = self._b, self._stage.upsampler
        x = b.op("LeakyRelu", x, alpha=self._stage.slope)
        if has_phases(upsampler):
            return interleave(b, self._phases(x, upsampler), upsampler, self._batch)
        y = upsample(b, x, upsampler, self._batch)
        return y if upsampler.bias is None else b.op("Add", y, b.constant(upsampler.bias))

    @abstractmethod
    def _phases(self, x: str, upsampler: Upsampler) -> str:
        """Write the phases of the upsampler side by side, with its bias."""

    def to_layout(self, x: str) -> str:
        """Return the tensor as it is."""
        return x

    def add(self, x: str, y: str) -> str:
        """Write an fp32 sum."""
        return self._b.op("Add", x, y)

    def from_layout(self, x: str) -> str:
        """Return the tensor as it is."""
        return x


def as_matrix(weight: Weights) -> Weights:
    """Return weights, [out, in, taps], as the matrix that unfolded taps are multiplied by, [taps * in, out]."""
    return weight.transpose(2, 1, 0).reshape(-1, weight.shape[0])


def tiled_bias(upsampler: Upsampler) -> Weights | None:
    """Return the bias repeated for each phase of the upsampler."""
    return None if upsampler.bias is None else np.tile(upsampler.bias, upsampler.rate)
