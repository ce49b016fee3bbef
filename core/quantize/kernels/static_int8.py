"""8-bit integer convolutions with ranges that are known beforehand.

Two forms: with outputs as floats, as in `core.quantize.kernels.dynamic_int8`, and with outputs rounded to u8, which ONNX Runtime computes
without laying the taps side by side first: faster, and less exact. Residual sums stay fp32. Time-major throughout.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np

from core.graph.builder import GraphBuilder
from core.quantize.kernels.weight_rounding import round_columns
from core.rewrite.channels_last import TimeMajor, as_matrix, tiled_bias
from core.rewrite.stage import phases, unfold
from core.vits.convolution import Convolution, Weights
from core.vits.hifigan import Stage, Upsampler


class Affine(NamedTuple):
    """A u8 range: `q` stands for `(q - zero) * scale`."""

    scale: float
    zero: int


# The bias of a convolution with rounded outputs is s32, in steps of the product of both scales.
_LARGEST_BIAS = 2.0**30

Ranges = Mapping[str, Affine]
"""By the names of tensors in the voice's graph."""


class Static(TimeMajor):
    """One stage."""

    def __init__(
        self, ranges: Ranges, rounded: Collection[str], builder: GraphBuilder, stage: Stage, rows: int
    ) -> None:
        super().__init__(builder, stage, rows)
        self._convolutions = StaticConvolutions(builder, ranges, rounded)

    def _phases(self, x: str, upsampler: Upsampler) -> str:
        return self._convolutions.upsample(x, upsampler)

    def activate(self, x: str) -> str:
        return self._b.op("LeakyRelu", x, alpha=self._stage.block_slope)

    activate_between = activate

    def convolve(self, activated: str, conv: Convolution) -> str:
        return self._convolutions.convolve(activated, conv, conv.reach)


class StaticConvolutions:
    """Convolutions of fp32 tensors, [rows, samples, in]; a tensor that several read is quantized once.

    `rounded` names what the convolutions give, in the voice's graph, whose outputs are to be rounded.
    """

    def __init__(self, builder: GraphBuilder, ranges: Ranges, rounded: Collection[str] = ()) -> None:
        self._b, self._ranges, self._rounded_ones = builder, ranges, rounded
        self._quantized: dict[str, tuple[str, Affine]] = {}

    def convolve(self, x: str, conv: Convolution, padding: int) -> str:
        integers, by = self._quantize(x, self._ranges[conv.reads])
        if conv.gives in self._rounded_ones:
            return self._rounded(integers, by, conv, padding)
        taps = conv.weight.shape[2]
        return self._multiply(integers, by, as_matrix(conv.weight), conv.bias, taps, conv.dilation, padding)

    def upsample(self, x: str, upsampler: Upsampler) -> str:
        """The phases of the upsampler beside each other; `interleave` is to follow."""
        seen = self._ranges[upsampler.reads]
        integers, by = self._quantize(x, Affine(seen.scale * upsampler.grown, seen.zero))
        return self._multiply(integers, by, phases(upsampler), tiled_bias(upsampler), taps=2, dilation=1, padding=1)

    def _quantize(self, x: str, by: Affine) -> tuple[str, Affine]:
        if x not in self._quantized:
            self._quantized[x] = self._b.op("QuantizeLinear", x, *self._affine(by)), by
        return self._quantized[x]

    def _multiply(
        self, x: str, by: Affine, matrix: Weights, bias: Weights | None, taps: int, dilation: int, padding: int
    ) -> str:
        """Unfolded and multiplied.

        Of standard operators ONNX Runtime would fuse this only if a scale were unknown.
        """
        b = self._b
        integers, scales = round_columns(matrix)
        scale, zero = self._affine(by)
        unfolded = unfold(b, x, taps, dilation, padding, zero) if taps > 1 else x
        inputs = [unfolded, b.constant(integers), scale, b.constant(scales), zero]
        if bias is not None:
            inputs += ["", b.constant(bias)]
        return b.op("MatMulIntegerToFloat", *inputs, domain="com.microsoft")

    def _rounded(self, x: str, by: Affine, conv: Convolution, padding: int) -> str:
        b = self._b
        outside, inside, taps = conv.weight.shape
        bias = conv.bias if conv.bias is not None else np.zeros(outside, np.float32)
        integers, scales = round_columns(
            as_matrix(conv.weight), np.float32(1 / (by.scale * _LARGEST_BIAS)) * np.abs(bias)
        )
        weight = integers.reshape(taps, inside, outside).transpose(2, 1, 0)
        given = self._affine(self._ranges[conv.gives])
        y = b.op(
            "QLinearConv",
            x,
            *self._affine(by),
            b.constant(weight),
            b.constant(scales),
            b.constant(np.zeros(outside, np.int8)),
            *given,
            b.constant(np.rint(bias / (by.scale * scales)).astype(np.int32)),
            domain="com.microsoft",
            channels_last=1,
            kernel_shape=[taps],
            dilations=[conv.dilation],
            pads=[padding, padding],
        )
        return b.op("DequantizeLinear", y, *given)

    def _affine(self, by: Affine) -> tuple[str, str]:
        return self._b.constant(np.float32(by.scale)), self._b.constant(np.uint8(by.zero))
