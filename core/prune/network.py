"""The stages of a decoder as a function of its convolutions' weights, with its derivatives.

A convolution is a matrix, [out, taps * in + 1], whose last column is the bias. Only these matrices are parameters; upsamplers
are fixed. Tensors are [channels, samples].
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.vits.convolution import Convolution, Weights
from core.vits.hifigan import Upsampler

Parameters = list[Weights]
"""One matrix for each convolution, in the order in which they run."""


@dataclass(frozen=True)
class Activate:
    """A leaky ReLU."""

    source: int
    slope: float


@dataclass(frozen=True)
class Convolve:
    """A convolution that keeps the length."""

    source: int
    parameter: int
    taps: int
    dilation: int


@dataclass(frozen=True)
class Upsample:
    """A transposed convolution."""

    source: int
    upsampler: Upsampler


@dataclass(frozen=True)
class Add:
    """A sum times a factor."""

    sources: tuple[int, ...]
    factor: float = 1.0


Node = Activate | Convolve | Upsample | Add
OnGradient = Callable[[Convolve, Weights, Weights], None]
"""Takes a convolution, its unfolded input, and the gradient of its output."""


class Network:
    """Nodes in the order in which they run. Node 0 is the input; the output is the tanh of the last one."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def add(self, node: Node) -> int:
        """Add a node, and return its number."""
        self.nodes.append(node)
        return len(self.nodes)

    @property
    def convolutions(self) -> list[Convolve]:
        """Return the convolutions in the order of their parameters."""
        return [node for node in self.nodes if isinstance(node, Convolve)]


class Pass:
    """One run of a network on an input, [channels, samples], and the derivatives of its audio there."""

    def __init__(self, network: Network, parameters: Sequence[Weights], x: Weights) -> None:
        self._network, self._parameters = network, parameters
        self._values: list[Weights] = [x]
        for node in network.nodes:
            self._values.append(self._run(node))
        self.audio: Weights = np.tanh(self._values[-1][0])

    def _run(self, node: Node) -> Weights:
        if isinstance(node, Add):
            return np.float32(node.factor) * _sum([self._values[source] for source in node.sources])
        x = self._values[node.source]
        if isinstance(node, Activate):
            return x * self._slopes(node)
        if isinstance(node, Upsample):
            y = upsample(x, node.upsampler)
            return y if node.upsampler.bias is None else y + node.upsampler.bias[:, None]
        matrix = self._parameters[node.parameter]
        return matrix[:, :-1] @ unfold(x, node.taps, node.dilation) + matrix[:, -1:]

    def _slopes(self, node: Activate) -> Weights:
        return np.where(self._values[node.source] > 0, np.float32(1), np.float32(node.slope))

    def forward(self, changes: Sequence[Weights]) -> Weights:
        """Return the change of the audio, to first order, when the parameters change."""
        # Those that do not depend on a parameter are missing.
        moved: dict[int, Weights] = {}
        for number, node in enumerate(self._network.nodes, 1):
            change = self._moved(node, moved, changes)
            if change is not None:
                moved[number] = change
        change_of_audio: Weights = moved[len(self._network.nodes)][0] * (1 - self.audio**2)
        return change_of_audio

    def _moved(self, node: Node, moved: dict[int, Weights], changes: Sequence[Weights]) -> Weights | None:
        if isinstance(node, Add):
            parts = [moved[source] for source in node.sources if source in moved]
            return np.float32(node.factor) * _sum(parts) if parts else None
        before = moved.get(node.source)
        if isinstance(node, Convolve):
            matrix, change = self._parameters[node.parameter], changes[node.parameter]
            y = change[:, :-1] @ unfold(self._values[node.source], node.taps, node.dilation) + change[:, -1:]
            return y if before is None else y + matrix[:, :-1] @ unfold(before, node.taps, node.dilation)
        if before is None:
            return None
        return before * self._slopes(node) if isinstance(node, Activate) else upsample(before, node.upsampler)

    def backward(self, gradient: Weights, on_gradient: OnGradient | None = None) -> Parameters:
        """Return the gradient of the parameters, from the one of the audio."""
        gradients: dict[int, Weights] = {len(self._network.nodes): (gradient * (1 - self.audio**2))[None]}
        found: dict[int, Weights] = {}
        for number in range(len(self._network.nodes), 0, -1):
            node, g = self._network.nodes[number - 1], gradients.pop(number)
            if isinstance(node, Convolve):
                columns = unfold(self._values[node.source], node.taps, node.dilation)
                found[node.parameter] = np.concatenate([g @ columns.T, g.sum(axis=1, keepdims=True)], axis=1)
                if on_gradient:
                    on_gradient(node, columns, g)
            for source, part in self._sources(node, g):
                gradients[source] = gradients[source] + part if source in gradients else part
        return [found[number] for number in range(len(found))]

    def _sources(self, node: Node, g: Weights) -> list[tuple[int, Weights]]:
        """Return the sources of a node with the gradients that it passes to them. The input needs none."""
        if isinstance(node, Add):
            scaled = np.float32(node.factor) * g
            return [(source, scaled) for source in node.sources]
        if isinstance(node, Activate):
            return [(node.source, g * self._slopes(node))]
        if isinstance(node, Upsample):
            return [(node.source, downsample(g, node.upsampler))]
        matrix = self._parameters[node.parameter]
        return [(node.source, fold(matrix[:, :-1].T @ g, node.taps, node.dilation))]


def as_parameter(conv: Convolution) -> Weights:
    """Return a convolution's weights and bias as a matrix."""
    outputs = conv.weight.shape[0]
    bias = conv.bias if conv.bias is not None else np.zeros(outputs, np.float32)
    return np.concatenate([conv.weight.transpose(0, 2, 1).reshape(outputs, -1), bias[:, None]], axis=1)


def weight_of(matrix: Weights, taps: int) -> Weights:
    """Return the weights, [out, in, taps], of a matrix."""
    return np.ascontiguousarray(matrix[:, :-1].reshape(len(matrix), taps, -1).transpose(0, 2, 1))


def unfold(x: Weights, taps: int, dilation: int) -> Weights:
    """Return the samples that each tap reads below one another, [taps * channels, samples], with zeros outside."""
    if taps == 1:
        return x
    channels, samples = x.shape
    columns = np.zeros((taps * channels, samples), np.float32)
    for tap in range(taps):
        begin, end, offset = _inside(tap, taps, dilation, samples)
        columns[tap * channels : (tap + 1) * channels, begin:end] = x[:, begin + offset : end + offset]
    return columns


def fold(columns: Weights, taps: int, dilation: int) -> Weights:
    """Return the adjoint of `unfold`: sums over the taps that read a sample."""
    if taps == 1:
        return columns
    channels, samples = len(columns) // taps, columns.shape[1]
    x = np.zeros((channels, samples), np.float32)
    for tap in range(taps):
        begin, end, offset = _inside(tap, taps, dilation, samples)
        x[:, begin + offset : end + offset] += columns[tap * channels : (tap + 1) * channels, begin:end]
    return x


def _inside(tap: int, taps: int, dilation: int, samples: int) -> tuple[int, int, int]:
    """Return the outputs, from begin to end, for which a tap reads inside the signal, and the offset of what it reads."""
    offset = dilation * tap - dilation * (taps - 1) // 2
    begin = min(max(0, -offset), samples)
    return begin, max(begin, min(samples, samples - offset)), offset


def upsample(x: Weights, upsampler: Upsampler) -> Weights:
    """Return the output of an upsampler without its bias."""
    inputs, outputs, taps = upsampler.weight.shape
    rate, samples = upsampler.rate, x.shape[1]
    steps = -(-taps // rate)
    spread = (upsampler.weight.transpose(1, 2, 0).reshape(-1, inputs) @ x).reshape(outputs, taps, samples)
    y = np.zeros((outputs, samples + steps - 1, rate), np.float32)
    for step in range(steps):
        part = spread[:, step * rate : (step + 1) * rate]
        y[:, step : step + samples, : part.shape[1]] += part.transpose(0, 2, 1)
    whole = y.reshape(outputs, -1)
    return whole[:, upsampler.padding : (samples - 1) * rate + taps - upsampler.padding]


def downsample(g: Weights, upsampler: Upsampler) -> Weights:
    """Return the adjoint of `upsample`."""
    inputs, outputs, taps = upsampler.weight.shape
    rate, steps = upsampler.rate, -(-taps // upsampler.rate)
    samples = (g.shape[1] + 2 * upsampler.padding - taps) // rate + 1
    whole = np.zeros((outputs, (samples + steps - 1) * rate), np.float32)
    whole[:, upsampler.padding : upsampler.padding + g.shape[1]] = g
    y = whole.reshape(outputs, -1, rate)
    spread = np.empty((outputs, taps, samples), np.float32)
    for step in range(steps):
        width = min(rate, taps - step * rate)
        spread[:, step * rate : step * rate + width] = y[:, step : step + samples, :width].transpose(0, 2, 1)
    return upsampler.weight.transpose(1, 2, 0).reshape(-1, inputs).T @ spread.reshape(-1, samples)


def _sum(parts: Sequence[Weights]) -> Weights:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
