"""The decoder half of a distilled variant: the voice's own flow and first stage, and the student behind them.

The student is written in floats, with layers that can be lowered to an ML Program. Weights are those of the file, which are
rounded; inputs are not rounded, but limited to the ranges that they are rounded in, which the student was trained with.
"""

from dataclasses import replace
from math import prod

import numpy as np
import onnx

from core.distill.published import read_student
from core.distill.student import LEAST_POWER, SMOOTHED, Student, input_of_student
from core.graph.builder import GraphBuilder
from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex, unused_prefix
from core.graph.model import read_model
from core.graph.subgraph import splice
from core.quantize.kernels.static_int8 import QuantParams
from core.rewrite.chunked_decoder import STAGES_BEFORE_LOOP
from core.variants.recipes import Task
from core.vits.convolution import Convolution
from core.vits.hifigan import read_decoder
from core.vits.split import SplitModel, receptive_field, split_model, with_decoder

_MAX_U8 = 255
# The level is this many times as high, so that in fp16 squares of quiet audio are not too small. The output makes up for it.
_GAIN = np.float32(8)


def halves_to_convert(model: onnx.ModelProto, task: Task) -> SplitModel:
    """Return both halves of a voice, the decoder half as the task asks for it: the voice's own, or with a student.

    Raises UnsupportedGraph.
    """
    halves = split_model(model)
    return with_student(halves, read_model(task.from_variant)) if task.from_variant else halves


def with_student(halves: SplitModel, distilled: onnx.ModelProto) -> SplitModel:
    """Return both halves of a voice, with the student of its distilled variant in the decoder half.

    Raises UnsupportedGraph if the variant has no student that fits the voice.
    """
    half = onnx.ModelProto()
    half.CopyFrom(halves.decoder)
    index = GraphIndex(half.graph)
    decoder = read_decoder(index)
    replaced = decoder.stages[STAGES_BEFORE_LOOP:]
    student = read_student(distilled, decoder.stages[STAGES_BEFORE_LOOP - 1].divisor)
    fits = replaced and student.first.weight.shape[1] == len(replaced[0].upsampler.weight)
    if not fits or student.rate != prod(stage.upsampler.rate for stage in replaced):
        raise UnsupportedGraph("its student is that of another voice")
    x = input_of_student(index, decoder)
    b = GraphBuilder(unused_prefix(half.graph, "/student"))
    _write(b, _amplified(student), x, decoder.output)
    splice(half.graph, [x], decoder.output, b)
    field = receptive_field(halves.decoder, x).followed_by(student.field)
    return with_decoder(halves, half, field)


def _amplified(student: Student) -> Student:
    """Return a student that computes the same with a higher level."""
    return replace(student, first=_scaled(student.first, _GAIN), last=_scaled(student.last, 1 / _GAIN))


def _scaled(conv: Convolution, factor: np.float32) -> Convolution:
    return replace(conv, weight=conv.weight * factor, bias=None if conv.bias is None else conv.bias * factor)


def _write(b: GraphBuilder, student: Student, x: str, output: str) -> None:
    """Write a student, from [1, channels, positions] to [1, 1, samples]."""
    seen_by_first, *seen = student.ranges
    y = _convolve(b, x, student.first, student.slope, seen_by_first)
    level = _level(b, y)
    inverse = _resize(b, b.op("Reciprocal", level), student.upsampling)
    y = b.op("Mul", _consecutive(b, y, student.channels, student.upsampling), inverse)
    for conv, range_ in zip(student.residuals, seen, strict=True):
        y = b.op("Add", y, _convolve(b, y, conv, student.inner_slope, range_))
    samples = _consecutive(b, _convolve(b, y, student.last, student.inner_slope), 1, len(student.last.weight))
    b.op("Mul", samples, _resize(b, level, student.rate), output=output)


def _convolve(b: GraphBuilder, x: str, conv: Convolution, slope: float, seen: QuantParams | None = None) -> str:
    """Write activation and convolution, whose input is limited to what was seen."""
    x = b.op("LeakyRelu", x, alpha=slope)
    if seen is not None:
        lowest, highest = ((integer - seen.zero_point) * seen.scale for integer in (0, _MAX_U8))
        x = b.op("Clip", x, b.constant(np.float32(lowest)), b.constant(np.float32(highest)))
    inputs = [x, b.constant(conv.weight)] + ([] if conv.bias is None else [b.constant(conv.bias)])
    padding = [conv.same_padding] * 2
    return b.op("Conv", *inputs, kernel_shape=[conv.taps], dilations=[conv.dilation], strides=[1], pads=padding)


def _level(b: GraphBuilder, y: str) -> str:
    """Write the smoothed root mean square over the channels, [1, 1, positions]."""
    power = b.op("ReduceMean", b.op("Mul", y, y), axes=[1], keepdims=1)
    for _ in range(2):
        power = b.op("AveragePool", power, kernel_shape=[SMOOTHED], pads=[SMOOTHED // 2, SMOOTHED // 2])
    return b.op("Sqrt", b.op("Add", power, b.constant(LEAST_POWER * _GAIN**2)))


def _resize(b: GraphBuilder, x: str, count: int) -> str:
    """Write linear interpolation to `count` points for each value."""
    scales = b.constant(np.array([1, 1, count], np.float32))
    return b.op("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")


def _consecutive(b: GraphBuilder, y: str, channels: int, count: int) -> str:
    """Write `count` groups of channels one after the other, as [1, channels, count * positions]."""
    pieces = b.op("Reshape", y, b.integers(1, count, channels, -1))
    return b.op("Reshape", b.op("Transpose", pieces, perm=[0, 2, 3, 1]), b.integers(1, channels, -1))
