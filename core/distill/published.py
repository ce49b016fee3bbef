"""A student as it was published, read back out of the file of a distilled variant.

The file is all there is of a variant that was copied from another machine, and what it computes is what was judged. Layers
are found by structure, whatever their tensors are called. Whatever is not as `StudentTail` writes it is refused.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from core.distill.student import LEAST_POWER, SMOOTHED, Student, triangles
from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex, attributes_of
from core.quantize.kernels.static_int8 import QuantParams
from core.vits.convolution import Convolution

Values = npt.NDArray[Any]

_HIDDEN = "MatMulIntegerToFloat"
# From what an int8 convolution multiplies up to its activation, for each tap.
_TAP = ("Slice", "Pad", "QuantizeLinear", "LeakyRelu")
# From what is interpolated up to what is read for it.
_INTERPOLATION = ("Reshape", "Transpose", "Conv", "Pad")
# From the level up to the squares that it is the mean of.
_LEVEL = ("Sqrt", "Add", "AveragePool", "AveragePool", "Transpose", "ReduceMean", "Mul")
# From the samples up to what the residual convolutions have computed.
_HEAD = ("Slice", "Reshape", "Transpose", "Conv", "LeakyRelu", "Conv", "Conv", "Unsqueeze", "Transpose")


def read_student(model: onnx.ModelProto, divisor: float) -> Student:
    """Return the student in the file of a distilled variant, with the weights and ranges that it is computed with.

    `divisor` is that of the voice's stage before the student, by which its input is larger in the file. Raises
    UnsupportedGraph.
    """
    bodies = [attributes_of(node).get("body") for node in model.graph.node if node.op_type == "Loop"]
    students = [body for body in bodies if body and any(node.op_type == _HIDDEN for node in body.node)]
    if len(students) != 1:
        raise UnsupportedGraph("it has no student, or one that an earlier version made")
    try:
        return _Reader(students[0], divisor).read()
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise UnsupportedGraph("its student is not written as this version writes one") from error


@dataclass(frozen=True)
class _Layer:
    """An activation, and the int8 convolution behind it."""

    input: str
    slope: float
    seen: QuantParams
    conv: Convolution


class _Reader:
    """Reads the body of the loop over the chunks of a sentence."""

    def __init__(self, body: onnx.GraphProto, divisor: float) -> None:
        self._index, self._divisor = GraphIndex(body), divisor

    def read(self) -> Student:
        first, *residuals = (self._index.nodes[position] for position in self._index.of_type(_HIDDEN))
        start, layers = self._layer(first, self._divisor), [self._layer(node) for node in residuals]
        x, level, upsampling = self._normalized(first.output[0])
        for node, layer in zip(residuals, layers, strict=True):
            _require(layer.input == x, "layers that do not follow each other")
            x = self._sum(node.output[0], x)
        slope, last = self._last(x, level)
        student = Student(
            slope=start.slope,
            first=start.conv,
            upsampling=upsampling,
            inner_slope=slope,
            residuals=tuple(layer.conv for layer in layers),
            last=last,
            ranges=tuple(layer.seen for layer in (start, *layers)),
        )
        widths = [conv.weight.shape[:2] for conv in student.residuals]
        _require(set(widths) <= {(student.channels,) * 2}, "convolutions of different widths")
        _require(last.weight.shape[1] == student.channels, "a last convolution of another width")
        _require(all(layer.slope == slope for layer in layers), "different activations")
        return student

    def _layer(self, node: onnx.NodeProto, divisor: float = 1.0) -> _Layer:
        """Return the layer of an int8 product, for an input that is smaller by the divisor."""
        (concat,) = self._up(node.input[0], "Concat")
        chains = [self._up(name, *_TAP) for name in concat.input]
        _, pad, quantized, activation = chains[0]
        _require(all(chain[1:] == chains[0][1:] for chain in chains), "taps of different tensors")
        scale, zero_point = (self._constant(name) for name in quantized.input[1:])
        used = self._constant(node.input[2]), self._constant(node.input[4])
        _require(used == (scale, zero_point), "a range that is not that of its input")
        integers, scales = self._constant(node.input[1]), self._constant(node.input[3])
        matrix = integers * (scales * np.float32(divisor))
        weight = matrix.reshape(len(chains), -1, matrix.shape[1]).transpose(2, 1, 0)
        bias = self._constant(node.input[6]) if len(node.input) > 6 else None
        starts = [int(self._constant(chain[0].input[1])[0]) for chain in chains]
        conv = Convolution(np.ascontiguousarray(weight), bias, starts[1] - starts[0], "", "")
        padding = conv.same_padding
        _require(starts == [conv.dilation * tap for tap in range(conv.taps)], "taps that are not evenly spaced")
        _require(list(self._constant(pad.input[1])) == [0, padding, 0] * 2, "a convolution that changes the length")
        return _Layer(
            activation.input[0], _slope(activation), QuantParams(float(scale) / divisor, int(zero_point)), conv
        )

    def _normalized(self, y: str) -> tuple[str, str, int]:
        """Return what the first convolution computes divided by its level, the level, and the positions made of one."""
        product = self._consumer(self._consumer(y, "Reshape").output[0], "Mul")
        inverse, upsampling = self._interpolated(product.input[1])
        (reciprocal,) = self._up(inverse, "Reciprocal")
        root, added, again, mean, _, over_channels, square = self._up(reciprocal.input[0], *_LEVEL)
        sizes = [list(attributes_of(pool)["kernel_shape"]) for pool in (again, mean)]
        _require(sizes == [[SMOOTHED]] * 2, "a level over another time")
        _require(list(attributes_of(over_channels)["axes"]) == [2], "a level of single channels")
        _require(list(square.input) == [y, y], "a level of something else")
        _require(self._constant(added.input[1]) == np.float32(LEAST_POWER), "another least level")
        return str(product.output[0]), str(root.output[0]), upsampling

    def _interpolated(self, factor: str) -> tuple[str, int]:
        """Return what is interpolated linearly, and the number of points for each of its values."""
        *_, conv, pad = self._up(factor, *_INTERPOLATION)
        weight = self._constant(conv.input[1])
        linear = np.array_equal(weight, triangles(len(weight))[:, None])
        _require(linear and attributes_of(pad)["mode"] == b"edge", "a level that is not interpolated linearly")
        return str(pad.input[0]), len(weight)

    def _sum(self, y: str, x: str) -> str:
        """Return the sum of what a residual convolution computes and what it reads."""
        node = self._consumer(y, "Add")
        _require(set(node.input) == {x, y}, "a convolution that is not residual")
        return str(node.output[0])

    def _last(self, x: str, level: str) -> tuple[float, Convolution]:
        """Return the slope of the last activation, and the last convolution.

        In the file it computes the samples of several positions at once.
        """
        ends = [node for node in self._index.nodes if node.op_type == "Mul" and self._is_output(node, level)]
        _require(len(ends) == 1, "an output that is not multiplied by the level")
        *_, conv, activation, to_blocks, blocked, _, start = self._up(ends[0].input[0], *_HEAD)
        _require(start.input[0] == x, "layers that do not follow each other")
        ones = [self._constant(one.input[1]) for one in (to_blocks, blocked)]
        _require(all(bool((one == 1).all()) for one in ones), "a layer that others do not have")
        positions, together = int(attributes_of(conv)["strides"][1]), self._constant(conv.input[1])
        outputs, channels, _, length = together.shape
        weight = together.reshape(positions, outputs // positions, channels, length)[0, :, :, : length - positions + 1]
        bias = self._constant(conv.input[2])[: len(weight)] if len(conv.input) > 2 else None
        return _slope(activation), Convolution(np.ascontiguousarray(weight), bias, 1, "", "")

    def _is_output(self, node: onnx.NodeProto, level: str) -> bool:
        try:
            return self._interpolated(node.input[1])[0] == level
        except UnsupportedGraph:
            return False

    def _up(self, tensor: str, *op_types: str) -> list[onnx.NodeProto]:
        """Return the producers of a tensor, of its producer's first input, and so on, which must be these operators."""
        nodes = []
        for op_type in op_types:
            position = self._index.producer.get(tensor)
            node = None if position is None else self._index.nodes[position]
            if node is None or node.op_type != op_type:
                raise UnsupportedGraph(f"no {op_type} where a student has one")
            nodes.append(node)
            tensor = node.input[0]
        return nodes

    def _consumer(self, tensor: str, op_type: str) -> onnx.NodeProto:
        found = [self._index.nodes[position] for position in self._index.consumers.get(tensor, [])]
        found = [node for node in found if node.op_type == op_type]
        if len(found) != 1:
            raise UnsupportedGraph(f"{len(found)} operators {op_type} where a student has one")
        return found[0]

    def _constant(self, name: str) -> Values:
        if name not in self._index.initializers:
            raise UnsupportedGraph("a weight of its student that is not constant")
        values: Values = numpy_helper.to_array(self._index.initializers[name])
        return values


def _slope(activation: onnx.NodeProto) -> float:
    return float(attributes_of(activation).get("alpha", 0.01))


def _require(is_so: bool | np.bool_, otherwise: str) -> None:
    if not is_so:
        raise UnsupportedGraph(f"its student has {otherwise}")
