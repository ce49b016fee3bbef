"""The last stages of a decoder as a network, and back."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from core.prune.network import Activate, Add, Convolve, Network, Parameters, Upsample, as_parameter, weight_of
from core.vits.convolution import Convolution
from core.vits.hifigan import Decoder, Stage


@dataclass(frozen=True)
class LastStages:
    """The stages of a decoder from number `first` on, with its head. Their input is the output of the stage before."""

    decoder: Decoder
    first: int

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Return the stages."""
        return self.decoder.stages[self.first :]

    @property
    def hop(self) -> int:
        """Return the samples of audio for each sample of the input."""
        return math.prod(stage.upsampler.rate for stage in self.stages) * self.decoder.head.hop

    @property
    def overlap(self) -> int:
        """Return the receptive field, in samples of the input on either side."""
        return self.decoder.field_behind(self.first).samples

    def convolutions(self) -> list[Convolution]:
        """Return the convolutions in the order of the network's parameters."""
        inner = (conv for stage in self.stages for block in stage.blocks for step in block for conv in step)
        return [*inner, self.decoder.head.last]

    def parameters(self) -> Parameters:
        """Return the weights as parameters of the network."""
        return [as_parameter(conv) for conv in self.convolutions()]

    def with_parameters(self, parameters: Parameters) -> Self:
        """Return the same stages with other weights."""
        remaining = iter(parameters)
        stages = tuple(
            replace(stage, blocks=tuple(_block(block, remaining) for block in stage.blocks)) for stage in self.stages
        )
        head = replace(self.decoder.head, last=_convolution(self.decoder.head.last, remaining))
        return replace(
            self, decoder=replace(self.decoder, stages=(*self.decoder.stages[: self.first], *stages), head=head)
        )

    def network(self) -> Network:
        """Return the network."""
        network, x = Network(), 0
        numbers = iter(range(len(self.convolutions())))

        def convolve(source: int, conv: Convolution) -> int:
            return network.add(Convolve(source, next(numbers), conv.taps, conv.dilation))

        for stage in self.stages:
            x = network.add(Upsample(network.add(Activate(x, stage.slope)), stage.upsampler))
            ends = []
            for block in stage.blocks:
                y = x
                for step in block:
                    z = y
                    for conv in step:
                        z = convolve(network.add(Activate(z, stage.block_slope)), conv)
                    y = network.add(Add((y, z)))
                ends.append(y)
            x = network.add(Add(tuple(ends), 1 / stage.divisor))
        convolve(network.add(Activate(x, self.decoder.head.slope)), self.decoder.head.last)
        return network


def _block(
    block: tuple[tuple[Convolution, ...], ...], remaining: Iterator[np.ndarray]
) -> tuple[tuple[Convolution, ...], ...]:
    return tuple(tuple(_convolution(conv, remaining) for conv in step) for step in block)


def _convolution(conv: Convolution, remaining: Iterator[np.ndarray]) -> Convolution:
    matrix = next(remaining)
    taps = (matrix.shape[1] - 1) // conv.weight.shape[1]
    return replace(conv, weight=weight_of(matrix, taps), bias=np.ascontiguousarray(matrix[:, -1]))
