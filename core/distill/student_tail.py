"""Writing a student into the graph of a voice: its hidden convolutions in int8 with fixed ranges, the last one in fp32."""

from dataclasses import replace

import numpy as np

from core.distill.student import LEAST_POWER, SMOOTHED, Student, triangles
from core.graph.builder import GraphBuilder
from core.quantize.kernels.static_int8 import QuantParams, StaticConvolutions
from core.rewrite.nchwc import BlockedHead
from core.vits.hifigan import Head
from core.vits.receptive_field import ReceptiveField


class StudentTail:
    """A student behind the first stages of a decoder."""

    def __init__(self, student: Student, divisor: float) -> None:
        """Take a rounded student; its input in the graph is larger by the divisor."""
        self._student, self._divisor = student, np.float32(divisor)
        # Convolutions find the ranges of their inputs by name.
        names = [str(number) for number in range(len(student.ranges))]
        self._ranges = dict(zip(names, student.ranges, strict=True))
        self._ranges["0"] = QuantParams(student.ranges[0].scale * divisor, student.ranges[0].zero_point)
        self._first = replace(student.first, weight=student.first.weight / self._divisor, input="0")
        self._residuals = [replace(conv, input=name) for conv, name in zip(student.residuals, names[1:], strict=True)]

    @property
    def field(self) -> ReceptiveField:
        """Return the receptive field of a sample, in positions of the input."""
        return self._student.field

    def write(self, b: GraphBuilder, x: str, batch: int) -> str:
        """Write it, from [batch, positions, channels] to [batch, samples]."""
        student, convolutions = self._student, StaticConvolutions(b, self._ranges)
        x = b.op("LeakyRelu", x, alpha=student.slope)
        y = convolutions.convolve(x, self._first, self._first.same_padding)
        level = _level(b, y)
        y = b.op("Reshape", y, b.integers(batch, -1, student.channels))
        y = b.op("Mul", y, _interpolated(b, b.op("Reciprocal", level), student.upsampling, b.integers(batch, -1, 1)))
        for conv in self._residuals:
            activated = b.op("LeakyRelu", y, alpha=student.inner_slope)
            y = b.op("Add", convolutions.convolve(activated, conv, conv.same_padding), y)
        samples = BlockedHead(b, Head(student.inner_slope, student.last), batch).write(y)
        return b.op("Mul", samples, _interpolated(b, level, student.rate, b.integers(batch, -1)))


def _level(b: GraphBuilder, y: str) -> str:
    """Write the smoothed root mean square of [batch, positions, channels], as [batch, 1, positions]."""
    power = b.op("Transpose", b.op("ReduceMean", b.op("Mul", y, y), axes=[2], keepdims=1), perm=[0, 2, 1])
    margin = SMOOTHED // 2
    for _ in range(2):
        power = b.op("AveragePool", power, kernel_shape=[SMOOTHED], pads=[margin, margin])
    return b.op("Sqrt", b.op("Add", power, b.constant(np.float32(LEAST_POWER))))


def _interpolated(b: GraphBuilder, values: str, count: int, shape: str) -> str:
    """Write linear interpolation of [batch, 1, positions] to `count` points a position, in this shape."""
    padded = b.op("Pad", values, b.integers(0, 0, 1, 0, 0, 1), mode="edge")
    points = b.op("Conv", padded, b.constant(triangles(count)[:, None]), kernel_shape=[3])
    return b.op("Reshape", b.op("Transpose", points, perm=[0, 2, 1]), shape)
