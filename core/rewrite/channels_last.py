"""What stages in integers have in common: they stay time-major, and their sums fp32."""

from abc import ABC, abstractmethod

import numpy as np

from core.graph.builder import GraphBuilder
from core.rewrite.nchwc import upsample
from core.rewrite.stage import has_phases, interleave
from core.vits.convolution import Weights
from core.vits.hifigan import Stage, Upsampler


class TimeMajor(ABC):
    """One stage over [rows, samples, channels]."""

    def __init__(self, builder: GraphBuilder, stage: Stage, rows: int) -> None:
        self._b, self._stage, self._rows = builder, stage, rows

    def upsample(self, x: str) -> str:
        """In integers if the upsampler's phases are a product, else in fp32."""
        b, upsampler = self._b, self._stage.upsampler
        x = b.op("LeakyRelu", x, alpha=self._stage.slope)
        if has_phases(upsampler):
            return interleave(b, self._phases(x, upsampler), upsampler, self._rows)
        y = upsample(b, x, upsampler, self._rows)
        return y if upsampler.bias is None else b.op("Add", y, b.constant(upsampler.bias))

    @abstractmethod
    def _phases(self, x: str, upsampler: Upsampler) -> str:
        """The phases of the upsampler beside each other, its bias added."""

    def enter(self, x: str) -> str:
        return x

    def add(self, x: str, y: str) -> str:
        return self._b.op("Add", x, y)

    def leave(self, x: str) -> str:
        return x


def as_matrix(weight: Weights) -> Weights:
    """[out, in, taps] as the matrix that the unfolded taps are multiplied with, [taps * in, out]."""
    return weight.transpose(2, 1, 0).reshape(-1, weight.shape[0])


def tiled_bias(upsampler: Upsampler) -> Weights | None:
    """The bias of the upsampler's phases beside each other."""
    return None if upsampler.bias is None else np.tile(upsampler.bias, upsampler.rate)
