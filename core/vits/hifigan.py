"""Reads the structure and weights of a VITS decoder, which is HiFi-GAN's generator.

(J. Kong, J. Kim, J. Bae, "HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity Speech Synthesis",
2020.) Both types of residual block and any number of stages, blocks and dilations are supported.
"""

from dataclasses import dataclass
from typing import Any

import onnx
from onnx import numpy_helper

from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex
from core.vits.convolution import Convolution, Weights
from core.vits.receptive_field import ReceptiveField


@dataclass(frozen=True)
class Upsampler:
    """A transposed convolution. `padding` samples are removed at either end of the output."""

    weight: Weights
    """[in, out, taps]"""
    bias: Weights | None
    rate: int
    padding: int
    input: str
    """Its input in the voice's graph."""
    input_scale: float = 1.0
    """The factor by which its input in a rewritten graph is larger than in the voice's graph."""


@dataclass(frozen=True)
class Stage:
    """Activation, upsampler, and parallel residual blocks whose sum is divided by `divisor`.

    A block is a sequence of residual steps. A step is one convolution (type 2) or two (type 1).
    """

    slope: float
    upsampler: Upsampler
    block_slope: float
    blocks: tuple[tuple[tuple[Convolution, ...], ...], ...]
    divisor: float

    @property
    def channels(self) -> int:
        """Return the number of channels after the upsampler."""
        return int(self.upsampler.weight.shape[1])

    def extend_field(self, field: ReceptiveField) -> ReceptiveField:
        """Return the receptive field after the stage; `field` is the one before it."""
        start = field.upsampled(self.upsampler.weight.shape[2], self.upsampler.rate)
        end = start
        for block in self.blocks:
            after = start
            for conv in (conv for step in block for conv in step):
                after = after.convolved(conv.taps, conv.dilation)
            end = end.merged(after)
        return end


@dataclass(frozen=True)
class Head:
    """Activation, and the convolution that computes samples. HiFi-GAN's own has one output, the sample at a position."""

    slope: float
    last: Convolution
    """Its outputs are the samples at a position, in the order of time."""

    @property
    def hop(self) -> int:
        """Return the samples at each position."""
        return int(self.last.weight.shape[0])

    @property
    def channels(self) -> int:
        """Return the number of channels of its input."""
        return int(self.last.weight.shape[1])

    def extend_field(self, field: ReceptiveField) -> ReceptiveField:
        """Return the receptive field of the samples; `field` is the one of the last stage."""
        return field.convolved(self.last.taps, self.last.dilation)


@dataclass(frozen=True)
class Decoder:
    """Everything between `input`, which the first stage's activation reads, and `output`, which the final tanh reads."""

    input: str
    stages: tuple[Stage, ...]
    head: Head
    output: str

    def field_behind(self, count: int) -> ReceptiveField:
        """Return the receptive field of a sample, in positions of the output of the first `count` stages."""
        field = ReceptiveField()
        for stage in self.stages[count:]:
            field = stage.extend_field(field)
        return self.head.extend_field(field)


def read_decoder(index: GraphIndex) -> Decoder:
    """Return the decoder of a voice's graph. Raises UnsupportedGraph if it is not HiFi-GAN's generator."""
    return _Reader(index).read()


class _Reader:
    def __init__(self, index: GraphIndex) -> None:
        self._index = index

    def read(self) -> Decoder:
        upsamplers = self._index.of_type("ConvTranspose")
        if not upsamplers:
            raise UnsupportedGraph("no upsampling decoder (ConvTranspose)")
        first = self._producer(upsamplers[0], 0, "LeakyRelu")
        start = first.input[0]
        stages, position, activation = [], upsamplers[0], first
        while True:
            stage, end = self._stage(position, float(_attribute(activation, "alpha", 0.01)))
            stages.append(stage)
            activation = self._index.nodes[self._only_consumer(end, "LeakyRelu")]
            position = self._only_consumer(activation.output[0], "ConvTranspose", "Conv")
            if self._index.nodes[position].op_type == "Conv":
                break
        last = self._index.nodes[position]
        return Decoder(
            input=start,
            stages=tuple(stages),
            head=Head(float(_attribute(activation, "alpha", 0.01)), self._convolution(last)),
            output=last.output[0],
        )

    def _stage(self, position: int, slope: float) -> tuple[Stage, str]:
        """Return the stage of an upsampler, and its output tensor."""
        node = self._index.nodes[position]
        x = node.output[0]
        activations = self._consumers(x, "LeakyRelu")
        starts = [conv for node in activations for conv in self._consumers(node.output[0], "Conv")]
        if not starts:
            raise UnsupportedGraph("an upsampler without residual blocks")
        blocks, ends = zip(*(self._block(start, x) for start in starts), strict=True)
        end, divisor = self._sum(ends)
        block_slope = float(_attribute(activations[0], "alpha", 0.01))
        return Stage(slope, self._upsampler(node), block_slope, blocks, divisor), end

    def _block(self, conv: onnx.NodeProto, residual: str) -> tuple[tuple[tuple[Convolution, ...], ...], str]:
        """Return the steps of a block, and its output tensor."""
        steps: list[tuple[Convolution, ...]] = []
        while True:
            step = [self._convolution(conv)]
            following = self._index.nodes[self._only_consumer(conv.output[0], "LeakyRelu", "Add")]
            if following.op_type == "LeakyRelu":
                conv = self._index.nodes[self._only_consumer(following.output[0], "Conv")]
                step.append(self._convolution(conv))
                following = self._index.nodes[self._only_consumer(conv.output[0], "Add")]
            if residual not in following.input:
                raise UnsupportedGraph("a residual block that adds something other than its input")
            steps.append(tuple(step))
            residual = following.output[0]
            activations = self._consumers(residual, "LeakyRelu")
            if not activations:
                return tuple(steps), residual
            conv = self._index.nodes[self._only_consumer(activations[0].output[0], "Conv")]

    def _sum(self, ends: tuple[str, ...]) -> tuple[str, float]:
        """Return the averaged sum of the blocks, and its divisor."""
        divisions = {self._division_of(end) for end in ends}
        if len(divisions) != 1:
            raise UnsupportedGraph("residual blocks that are not added up")
        division = self._index.nodes[divisions.pop()]
        divisor = self._constant(division.input[1])
        if divisor.size != 1:
            raise UnsupportedGraph("a sum of residual blocks that is not divided by a number")
        return division.output[0], float(divisor.reshape(-1)[0])

    def _division_of(self, tensor: str) -> int:
        while True:
            position = self._only_consumer(tensor, "Add", "Div")
            if self._index.nodes[position].op_type == "Div":
                return position
            tensor = self._index.nodes[position].output[0]

    def _upsampler(self, node: onnx.NodeProto) -> Upsampler:
        weight = self._constant(node.input[1])
        (rate,), pads = _attribute(node, "strides", [1]), _attribute(node, "pads", [0, 0])
        if weight.ndim != 3 or pads[0] != pads[1] or _attribute(node, "group", 1) != 1:
            raise UnsupportedGraph("an upsampler with grouped, uneven or two-dimensional weights")
        if any(_attribute(node, "output_padding", [0])) or any(d != 1 for d in _attribute(node, "dilations", [1])):
            raise UnsupportedGraph("an upsampler with output padding or dilation")
        return Upsampler(weight, self._bias(node), int(rate), int(pads[0]), node.input[0])

    def _convolution(self, node: onnx.NodeProto) -> Convolution:
        weight = self._constant(node.input[1])
        (dilation,) = _attribute(node, "dilations", [1])
        conv = Convolution(weight, self._bias(node), int(dilation), node.input[0], node.output[0])
        keeps_length = (
            list(_attribute(node, "pads", [0, 0])) == [conv.same_padding, conv.same_padding]
            and weight.shape[2] % 2 == 1
        )
        if (
            weight.ndim != 3
            or not keeps_length
            or _attribute(node, "group", 1) != 1
            or list(_attribute(node, "strides", [1])) != [1]
        ):
            raise UnsupportedGraph("a convolution of the decoder that changes the length")
        return conv

    def _bias(self, node: onnx.NodeProto) -> Weights | None:
        return self._constant(node.input[2]) if len(node.input) > 2 and node.input[2] else None

    def _constant(self, name: str) -> Weights:
        """Return the value of an initializer or a Constant node."""
        tensor = self._index.initializers.get(name)
        if tensor is None and name in self._index.producer:
            node = self._index.nodes[self._index.producer[name]]
            tensor = _attribute(node, "value", None) if node.op_type == "Constant" else None
        if tensor is None:
            raise UnsupportedGraph("a weight of the decoder that is not constant")
        if tensor.data_type != onnx.TensorProto.FLOAT:
            raise UnsupportedGraph("weights of the decoder that are not 32-bit floats")
        weights: Weights = numpy_helper.to_array(tensor)
        return weights

    def _producer(self, position: int, entry: int, op_type: str) -> onnx.NodeProto:
        tensor = self._index.nodes[position].input[entry]
        producer = self._index.nodes[self._index.producer[tensor]] if tensor in self._index.producer else None
        if producer is None or producer.op_type != op_type:
            raise UnsupportedGraph(f"no {op_type} in front of an upsampler")
        return producer

    def _consumers(self, tensor: str, op_type: str) -> list[onnx.NodeProto]:
        found = (self._index.nodes[position] for position in self._index.consumers.get(tensor, []))
        return [node for node in found if node.op_type == op_type]

    def _only_consumer(self, tensor: str, *op_types: str) -> int:
        found = [p for p in self._index.consumers.get(tensor, []) if self._index.nodes[p].op_type in op_types]
        if len(set(found)) != 1:
            raise UnsupportedGraph(f"{len(found)} operators {' or '.join(op_types)} where the decoder has one")
        return found[0]


def _attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    return next((onnx.helper.get_attribute_value(entry) for entry in node.attribute if entry.name == name), default)
