"""int8 convolutions with input ranges that are known beforehand.

There are two forms: with fp32 outputs, as in `core.quantize.kernels.dynamic_int8`, and with outputs requantized to u8, which
ONNX Runtime computes without unfolding the taps: faster and less accurate. Residual sums stay fp32. The layout is
channels-last.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np

from core.graph.builder import GraphBuilder
from core.quantize.kernels.weight_rounding import quantize_per_channel
from core.rewrite.channels_last import ChannelsLast, as_matrix, tiled_bias
from core.rewrite.stage import phase_taps, phases, unfold
from core.vits.convolution import Convolution, Weights
from core.vits.hifigan import Stage, Upsampler


class QuantParams(NamedTuple):
    """A u8 range: the integer `q` represents `(q - zero_point) * scale`."""

    scale: float
    zero_point: int


# The bias of a requantized convolution is s32, in steps of the product of both scales.
_MAX_BIAS = 2.0**30

Ranges = Mapping[str, QuantParams]
"""The ranges of tensors of the voice's graph, by name."""


class StaticInt8(ChannelsLast):
    """The kernel of one stage."""

    def __init__(
        self, ranges: Ranges, requantized: Collection[str], builder: GraphBuilder, stage: Stage, batch: int
    ) -> None:
        super().__init__(builder, stage, batch)
        self._convolutions = StaticConvolutions(builder, ranges, requantized)

    def _phases(self, x: str, upsampler: Upsampler) -> str:
        return self._convolutions.upsample(x, upsampler)

    def activate(self, x: str) -> str:
        """Write an activation."""
        return self._b.op("LeakyRelu", x, alpha=self._stage.block_slope)

    activate_inner = activate

    def convolve(self, activated: str, conv: Convolution) -> str:
        """Write a convolution that keeps the length."""
        return self._convolutions.convolve(activated, conv, conv.same_padding)


class StaticConvolutions:
    """Writes convolutions of fp32 tensors, [batch, samples, in]; a tensor with several consumers is quantized once."""

    def __init__(self, builder: GraphBuilder, ranges: Ranges, requantized: Collection[str] = ()) -> None:
        """Take the names of outputs, in the voice's graph, that are `requantized` to u8."""
        self._b, self._ranges, self._requantized = builder, ranges, requantized
        self._quantized: dict[str, tuple[str, QuantParams]] = {}

    def convolve(self, x: str, conv: Convolution, padding: int) -> str:
        """Write a convolution with this padding on either side."""
        integers, params = self._quantize(x, self._ranges[conv.input])
        if conv.output in self._requantized:
            return self._requantize(integers, params, conv, padding)
        return self._multiply(integers, params, as_matrix(conv.weight), conv.bias, conv.taps, conv.dilation, padding)

    def upsample(self, x: str, upsampler: Upsampler) -> str:
        """Write the phases of an upsampler side by side; `interleave` must follow."""
        seen = self._ranges[upsampler.input]
        integers, params = self._quantize(x, QuantParams(seen.scale * upsampler.input_scale, seen.zero_point))
        taps, bias = phase_taps(upsampler), tiled_bias(upsampler)
        return self._multiply(integers, params, phases(upsampler), bias, taps, dilation=1, padding=taps - 1)

    def _quantize(self, x: str, params: QuantParams) -> tuple[str, QuantParams]:
        if x not in self._quantized:
            self._quantized[x] = self._b.op("QuantizeLinear", x, *self._constants(params)), params
        return self._quantized[x]

    def _multiply(
        self, x: str, params: QuantParams, matrix: Weights, bias: Weights | None, taps: int, dilation: int, padding: int
    ) -> str:
        """Write an unfolded product with fp32 output.

        From standard operators ONNX Runtime fuses this only if a scale is not constant.
        """
        b = self._b
        integers, scales = quantize_per_channel(matrix)
        scale, zero_point = self._constants(params)
        unfolded = unfold(b, x, taps, dilation, padding, zero_point) if taps > 1 else x
        inputs = [unfolded, b.constant(integers), scale, b.constant(scales), zero_point]
        if bias is not None:
            inputs += ["", b.constant(bias)]
        return b.op("MatMulIntegerToFloat", *inputs, domain="com.microsoft")

    def _requantize(self, x: str, params: QuantParams, conv: Convolution, padding: int) -> str:
        """Write a convolution whose output is rounded to u8."""
        b = self._b
        outputs, inputs, taps = conv.weight.shape
        bias = conv.bias if conv.bias is not None else np.zeros(outputs, np.float32)
        integers, scales = quantize_per_channel(
            as_matrix(conv.weight), np.float32(1 / (params.scale * _MAX_BIAS)) * np.abs(bias)
        )
        weight = integers.reshape(taps, inputs, outputs).transpose(2, 1, 0)
        output_params = self._constants(self._ranges[conv.output])
        y = b.op(
            "QLinearConv",
            x,
            *self._constants(params),
            b.constant(weight),
            b.constant(scales),
            b.constant(np.zeros(outputs, np.int8)),
            *output_params,
            b.constant(np.rint(bias / (params.scale * scales)).astype(np.int32)),
            domain="com.microsoft",
            channels_last=1,
            kernel_shape=[taps],
            dilations=[conv.dilation],
            pads=[padding, padding],
        )
        return b.op("DequantizeLinear", y, *output_params)

    def _constants(self, params: QuantParams) -> tuple[str, str]:
        return self._b.constant(np.float32(params.scale)), self._b.constant(np.uint8(params.zero_point))
