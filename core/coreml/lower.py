"""Lowering the decoder half of a voice to an ML Program, operator by operator, with coremltools' MIL builder.

Tensors of the program are [1, channels, 1, frames], since the Neural Engine needs four dimensions with time last: axis 2 of
the ONNX graph is axis 3 of the program. What the export computes from shapes alone (zeros like a tensor, and what follows
from them) is computed here and leaves no operator behind.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import onnx
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil.types.symbolic import is_symbolic
from onnx import TensorProto, helper, numpy_helper

from core.graph.errors import UnsupportedGraph

Value = Any
"""A variable of the program, a float for a tensor filled with it, an array for a constant, or None for a shape."""

_RANK = 3
_FLOATS = {TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE}


def lower(decoder: onnx.ModelProto, inputs: dict[str, Value], mask: str) -> Value:
    """Lower the graph into the program that is being built, and return the audio, [1, 1, 1, samples].

    `inputs` are the program's variables by the names of the graph's inputs; `mask` is one of them. Outside the mask every
    convolution reads zeros, as after the end of a sentence without padding, and averages leave out what is there, so that
    padding does not change the audio. Raises UnsupportedGraph.
    """
    return _Lowering(decoder, inputs, mask).run()


class _Lowering:
    def __init__(self, decoder: onnx.ModelProto, inputs: dict[str, Value], mask: str) -> None:
        self._decoder = decoder
        self._values: dict[str, Value] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in decoder.graph.initializer
        }
        self._values |= inputs
        # Samples per frame of each tensor.
        self._rates = dict.fromkeys(inputs, 1)
        self._masks = {1: inputs[mask]}
        self._masked: dict[str, Value] = {}

    def run(self) -> Value:
        for node in self._decoder.graph.node:
            if node.op_type not in _OPERATORS:
                raise UnsupportedGraph(f"flow and decoder use an operator that cannot be lowered: {node.op_type}")
            attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
            operands = [self._values[name] if name else None for name in node.input]
            rate = max(self._rates.get(name, 1) for name in node.input)
            # In the flow and in front of the decoder the voice applies the mask itself.
            if node.op_type == "ConvTranspose" or (node.op_type == "Conv" and rate > 1):
                operands[0] = self._inside(node.input[0], rate)
            if node.op_type in _AVERAGES:
                attributes["mask"] = self._mask(rate)
            result = _OPERATORS[node.op_type](*operands, **attributes)
            rate = _rate_behind(node.op_type, rate, operands, attributes)
            outputs = result if isinstance(result, tuple) else (result,)
            self._values.update(zip(node.output, outputs, strict=True))
            self._rates.update(dict.fromkeys(node.output, rate))
        return self._values[self._decoder.graph.output[0].name]

    def _inside(self, name: str, rate: int) -> Value:
        """Return the tensor multiplied by the mask."""
        if name not in self._masked:
            self._masked[name] = mb.mul(x=self._values[name], y=self._mask(rate))
        return self._masked[name]

    def _mask(self, rate: int) -> Value:
        if rate not in self._masks:
            self._masks[rate] = mb.upsample_nearest_neighbor(x=self._masks[1], scale_factor_width=rate)
        return self._masks[rate]


def _rate_behind(op_type: str, rate: int, operands: list[Value], attributes: dict[str, Any]) -> int:
    """Return the samples per frame of what an operator computes from a tensor with `rate` of them."""
    if op_type == "ConvTranspose":
        return rate * int(attributes["strides"][0])
    if op_type == "Resize":
        return rate * _points(operands[2])
    if op_type == "Reshape":
        # What the dimension of unknown length loses to the others, or gets from them.
        return rate * _known(operands[0].shape) // _known(operands[1])
    return rate


def _known(shape: Sequence[Any]) -> int:
    """Return the product of the lengths that are known in a shape."""
    return prod(int(size) for size in shape if not is_symbolic(size) and size > 0)


def _convolving(build: Callable[..., Value]) -> Callable[..., Value]:
    def apply(
        x: Value,
        weight: Value,
        bias: Value = None,
        *,
        pads: list[int],
        strides: list[int],
        dilations: list[int],
        group: int = 1,
        output_padding: Sequence[int] = (),
        **_: Any,
    ) -> Value:
        if any(output_padding):
            raise UnsupportedGraph("an upsampler with output padding")
        return build(
            x=x,
            weight=weight[:, :, None],
            bias=bias,
            pad_type="custom",
            pad=[0, 0, *pads],
            strides=[1, *strides],
            dilations=[1, *dilations],
            groups=group,
        )

    return apply


def _average(average: Callable[[Value], Value], x: Value, mask: Value, least: float) -> Value:
    """Return a weighted average of the values inside the mask; `least` is at most what they weigh together."""
    weight = mb.maximum(x=average(mask), y=least)
    return mb.real_div(x=average(mb.mul(x=x, y=mask)), y=weight)


def _average_pool(x: Value, *, kernel_shape: list[int], pads: list[int], mask: Value, **other: Any) -> Value:
    size = kernel_shape[0]
    if other or list(pads) != [size // 2] * 2:
        raise UnsupportedGraph("an average over something else than the samples on both sides")

    def pool(values: Value) -> Value:
        return mb.avg_pool(x=values, kernel_sizes=[1, size], strides=[1, 1], pad_type="custom", pad=[0, 0, *pads])

    return _average(pool, x, mask, 1 / size)


def _resize(
    x: Value, _: Value, scales: Value, *, mode: bytes, coordinate_transformation_mode: bytes, mask: Value
) -> Value:
    if (mode, coordinate_transformation_mode) != (b"linear", b"half_pixel"):
        raise UnsupportedGraph("an interpolation that is not linear")
    count = _points(scales)

    def interpolate(values: Value) -> Value:
        return mb.upsample_bilinear(
            x=values, scale_factor_height=1, scale_factor_width=count, align_corners=False, half_pixel_centers=True
        )

    # A value inside the mask is at most as far from the one outside as from itself.
    return _average(interpolate, x, mask, 0.5)


def _points(scales: Value) -> int:
    """Return how many values an interpolation over time makes of one."""
    if len(scales) != _RANK or list(scales[:-1]) != [1, 1]:
        raise UnsupportedGraph("an interpolation that is not over time")
    return int(scales[-1])


def _reshape(x: Value, shape: Value) -> Value:
    """Reshape to three dimensions or four; values are in the same order with and without the program's third one."""
    sizes = [int(size) for size in shape]
    if len(sizes) not in (_RANK, _RANK + 1) or any(size == 0 for size in sizes):
        raise UnsupportedGraph("a tensor with other dimensions than channels and frames")
    return mb.reshape(x=x, shape=[*sizes[:2], 1, sizes[2]] if len(sizes) == _RANK else sizes)


def _transpose(x: Value, *, perm: list[int]) -> Value:
    if len(perm) != _RANK + 1:
        raise UnsupportedGraph("a tensor whose frames are not its last dimension")
    return mb.transpose(x=x, perm=list(perm))


def _mean_of_channels(x: Value, *, axes: list[int], keepdims: int = 1) -> Value:
    if list(axes) != [1] or not keepdims:
        raise UnsupportedGraph("a mean of something else than the channels")
    return mb.reduce_mean(x=x, axes=[1], keep_dims=True)


def _binary(build: Callable[..., Value], compute: Callable[..., Value], neutral: float) -> Callable[..., Value]:
    """Return the lowering of a binary operator; as right operand `neutral` has no effect."""

    def apply(x: Value, y: Value) -> Value:
        x, y = _scalar(x), _scalar(y)
        if isinstance(x, float) and isinstance(y, float):
            return compute(x, y)
        if isinstance(y, float) and y == neutral:
            return x
        if isinstance(x, float) and x == neutral and build in (mb.add, mb.mul):
            return y
        return build(x=x, y=y)

    return apply


def _scalar(value: Value) -> Value:
    """Return a constant with one value as a float, and any other constant with the program's dimensions."""
    if isinstance(value, np.ndarray):
        return float(value.reshape(-1)[0]) if value.size == 1 else np.expand_dims(value, -2).astype(np.float32)
    return value


def _unary(build: Callable[..., Value], compute: Callable[[float], float]) -> Callable[..., Value]:
    return lambda x: float(compute(x)) if isinstance(x, float) else build(x=x)


def _slice(x: Value, starts: Value, ends: Value, axes: Value, steps: Value = None) -> Value:
    if len(axes) != 1:
        raise UnsupportedGraph("a slice along several axes")
    axis, start, end = _axis(int(axes[0])), int(starts[0]), int(ends[0])
    step = int(steps[0]) if steps is not None else 1
    size = x.shape[axis]
    if step == -1 and start in (-1, size - 1) and end < -size:
        return mb.reverse(x=x, axes=[axis])
    if step != 1 or not isinstance(size, int):
        raise UnsupportedGraph("a slice that neither selects channels nor reverses them")
    begin, stop = (min(max(edge + size if edge < 0 else edge, 0), size) for edge in (start, end))
    return mb.slice_by_index(
        x=x,
        begin=[0 if dimension != axis else begin for dimension in range(_RANK + 1)],
        end=[0 if dimension != axis else stop for dimension in range(_RANK + 1)],
        end_mask=[dimension != axis for dimension in range(_RANK + 1)],
        begin_mask=[dimension != axis for dimension in range(_RANK + 1)],
    )


def _split(x: Value, sizes: Value, *, axis: int) -> tuple[Value, ...]:
    return tuple(mb.split(x=x, split_sizes=[int(size) for size in sizes], axis=_axis(axis)))


def _cast(x: Value, *, to: int) -> Value:
    """Keep a float, whatever its width: the precision of the whole program is chosen when it is saved."""
    if to not in _FLOATS:
        raise UnsupportedGraph("numbers that are not floats")
    return x


def _axis(axis: int) -> int:
    """Return the program's axis for an axis of the ONNX graph."""
    axis = axis + _RANK if axis < 0 else axis
    return axis if axis < _RANK - 1 else axis + 1


_AVERAGES = {"AveragePool", "Resize"}
"""Operators that read beyond a sample, and weigh what is there."""

_OPERATORS: dict[str, Callable[..., Value]] = {
    "Conv": _convolving(mb.conv),
    "ConvTranspose": _convolving(mb.conv_transpose),
    "LeakyRelu": lambda x, alpha=0.01: mb.leaky_relu(x=x, alpha=alpha),
    "Tanh": _unary(lambda x: mb.tanh(x=x), np.tanh),
    "Sigmoid": _unary(lambda x: mb.sigmoid(x=x), lambda x: 1 / (1 + np.exp(-x))),
    "Sqrt": _unary(lambda x: mb.sqrt(x=x), np.sqrt),
    "Reciprocal": _unary(lambda x: mb.real_div(x=1.0, y=x), lambda x: 1 / x),
    "Clip": lambda x, lowest, highest: mb.clip(x=x, alpha=float(lowest), beta=float(highest)),
    "Exp": _unary(lambda x: mb.exp(x=x), np.exp),
    "Neg": _unary(lambda x: mb.mul(x=x, y=-1.0), lambda x: -x),
    "Add": _binary(mb.add, lambda x, y: x + y, 0.0),
    "Sub": _binary(mb.sub, lambda x, y: x - y, 0.0),
    "Mul": _binary(mb.mul, lambda x, y: x * y, 1.0),
    "Div": _binary(mb.real_div, lambda x, y: x / y, 1.0),
    "AveragePool": _average_pool,
    "Resize": _resize,
    "ReduceMean": _mean_of_channels,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Cast": _cast,
    "Slice": _slice,
    "Split": _split,
    "Concat": lambda *parts, axis: mb.concat(values=list(parts), axis=_axis(axis)),
    "Shape": lambda x, **_: None,
    "ConstantOfShape": lambda _, value=None: float(numpy_helper.to_array(value)[0]) if value is not None else 0.0,
    # The audio's extra dimension; in the program it has four anyway.
    "Unsqueeze": lambda x, *_, **__: x,
}
