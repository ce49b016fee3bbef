"""Reads the decoder of a VITS graph, HiFi-GAN's generator, into weights and numbers.

(J. Kong, J. Kim, J. Bae, "HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity Speech Synthesis",
2020.) Both types of residual block are understood, any number of stages, blocks and dilations.
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
    """A transposed convolution. `weight` is [in, out, taps]; `padding` samples are cut off at either end.

    What it reads in the voice's graph, the tensor `reads`, is `grown` times as large here.
    """

    weight: Weights
    bias: Weights | None
    rate: int
    padding: int
    reads: str
    grown: float = 1.0


@dataclass(frozen=True)
class Stage:
    """Activation, upsampler, and blocks side by side whose sum is divided by `divisor`.

    A block is a row of residual steps, a step one convolution (blocks of type 2) or two (type 1).
    """

    slope: float
    upsampler: Upsampler
    block_slope: float
    blocks: tuple[tuple[tuple[Convolution, ...], ...], ...]
    divisor: float

    @property
    def channels(self) -> int:
        return int(self.upsampler.weight.shape[1])

    def seen_by(self, field: ReceptiveField) -> ReceptiveField:
        """Return the receptive field behind the stage; `field` is that in front of it."""
        entered = field.upsampled(self.upsampler.weight.shape[2], self.upsampler.rate)
        left = entered
        for block in self.blocks:
            behind = entered
            for conv in (conv for step in block for conv in step):
                behind = behind.convolved(conv.taps, conv.dilation)
            left = left.merged(behind)
        return left


@dataclass(frozen=True)
class Decoder:
    """All between `start`, which enters the first stage's activation, and `end`, which enters the final tanh."""

    start: str
    stages: tuple[Stage, ...]
    last_slope: float
    last: Convolution
    end: str


def read_decoder(index: GraphIndex) -> Decoder:
    """Return the decoder of a voice's graph. Raises NotRecognised when it is not built like HiFi-GAN's generator."""
    return _Reader(index).read()


class _Reader:
    def __init__(self, index: GraphIndex) -> None:
        self._index = index

    def read(self) -> Decoder:
        upsamplers = self._index.of_type("ConvTranspose")
        if not upsamplers:
            raise UnsupportedGraph("no upsampling decoder (ConvTranspose)")
        first = self._maker(upsamplers[0], 0, "LeakyRelu")
        start = first.input[0]
        stages, position, activation = [], upsamplers[0], first
        while True:
            stage, end = self._stage(position, float(_attribute(activation, "alpha", 0.01)))
            stages.append(stage)
            activation = self._index.nodes[self._only_reader(end, "LeakyRelu")]
            position = self._only_reader(activation.output[0], "ConvTranspose", "Conv")
            if self._index.nodes[position].op_type == "Conv":
                break
        last = self._index.nodes[position]
        return Decoder(
            start=start,
            stages=tuple(stages),
            last_slope=float(_attribute(activation, "alpha", 0.01)),
            last=self._convolution(last),
            end=last.output[0],
        )

    def _stage(self, position: int, slope: float) -> tuple[Stage, str]:
        """The stage of that upsampler, and the tensor that leaves it."""
        node = self._index.nodes[position]
        x = node.output[0]
        activations = self._readers(x, "LeakyRelu")
        starts = [conv for node in activations for conv in self._readers(node.output[0], "Conv")]
        if not starts:
            raise UnsupportedGraph("an upsampler without residual blocks")
        blocks, ends = zip(*(self._block(start, x) for start in starts), strict=True)
        end, divisor = self._sum(ends)
        block_slope = float(_attribute(activations[0], "alpha", 0.01))
        return Stage(slope, self._upsampler(node), block_slope, blocks, divisor), end

    def _block(self, conv: onnx.NodeProto, residual: str) -> tuple[tuple[tuple[Convolution, ...], ...], str]:
        """The steps of a block, and the tensor that leaves it."""
        steps: list[tuple[Convolution, ...]] = []
        while True:
            step = [self._convolution(conv)]
            following = self._index.nodes[self._only_reader(conv.output[0], "LeakyRelu", "Add")]
            if following.op_type == "LeakyRelu":
                conv = self._index.nodes[self._only_reader(following.output[0], "Conv")]
                step.append(self._convolution(conv))
                following = self._index.nodes[self._only_reader(conv.output[0], "Add")]
            if residual not in following.input:
                raise UnsupportedGraph("a residual block that adds something else than its input")
            steps.append(tuple(step))
            residual = following.output[0]
            activations = self._readers(residual, "LeakyRelu")
            if not activations:
                return tuple(steps), residual
            conv = self._index.nodes[self._only_reader(activations[0].output[0], "Conv")]

    def _sum(self, ends: tuple[str, ...]) -> tuple[str, float]:
        """The tensor in which the blocks are added up, and what it is divided by."""
        divisions = {self._division_of(end) for end in ends}
        if len(divisions) != 1:
            raise UnsupportedGraph("blocks that are not added up to one")
        division = self._index.nodes[divisions.pop()]
        divisor = self._constant(division.input[1])
        if divisor.size != 1:
            raise UnsupportedGraph("blocks that are not divided by a number")
        return division.output[0], float(divisor.reshape(-1)[0])

    def _division_of(self, tensor: str) -> int:
        while True:
            position = self._only_reader(tensor, "Add", "Div")
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
        made = Convolution(weight, self._bias(node), int(dilation), node.input[0], node.output[0])
        same = list(_attribute(node, "pads", [0, 0])) == [made.reach, made.reach] and weight.shape[2] % 2 == 1
        if (
            weight.ndim != 3
            or not same
            or _attribute(node, "group", 1) != 1
            or list(_attribute(node, "strides", [1])) != [1]
        ):
            raise UnsupportedGraph("a convolution of the decoder that changes the length")
        return made

    def _bias(self, node: onnx.NodeProto) -> Weights | None:
        return self._constant(node.input[2]) if len(node.input) > 2 and node.input[2] else None

    def _constant(self, name: str) -> Weights:
        """A constant's value, whether it is an initializer or a Constant node."""
        tensor = self._index.initializers.get(name)
        if tensor is None and name in self._index.producer:
            node = self._index.nodes[self._index.producer[name]]
            tensor = _attribute(node, "value", None) if node.op_type == "Constant" else None
        if tensor is None:
            raise UnsupportedGraph("a weight of the decoder that is no constant")
        if tensor.data_type != onnx.TensorProto.FLOAT:
            raise UnsupportedGraph("weights of the decoder that are not 32-bit floats")
        weights: Weights = numpy_helper.to_array(tensor)
        return weights

    def _maker(self, position: int, entry: int, op_type: str) -> onnx.NodeProto:
        tensor = self._index.nodes[position].input[entry]
        made = self._index.nodes[self._index.producer[tensor]] if tensor in self._index.producer else None
        if made is None or made.op_type != op_type:
            raise UnsupportedGraph(f"no {op_type} in front of an upsampler")
        return made

    def _readers(self, tensor: str, op_type: str) -> list[onnx.NodeProto]:
        found = (self._index.nodes[position] for position in self._index.readers.get(tensor, []))
        return [node for node in found if node.op_type == op_type]

    def _only_reader(self, tensor: str, *op_types: str) -> int:
        found = [p for p in self._index.readers.get(tensor, []) if self._index.nodes[p].op_type in op_types]
        if len(set(found)) != 1:
            raise UnsupportedGraph(f"{len(found)} operators {' or '.join(op_types)} where the decoder has one")
        return found[0]


def _attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    return next((onnx.helper.get_attribute_value(entry) for entry in node.attribute if entry.name == name), default)
