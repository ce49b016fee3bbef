"""int8 convolutions whose input ranges are computed each time they run.

Activations are quantized to u8 by the smallest and largest value of the tensor at hand. Weights are s8 with a scale for each
output channel. Sums are dequantized: no output is rounded, and residual sums stay fp32. The layout is channels-last.
"""

from typing import NamedTuple

from core.graph.builder import GraphBuilder
from core.quantize.kernels.weight_rounding import quantize_per_channel
from core.rewrite.channels_last import ChannelsLast, as_matrix, tiled_bias
from core.rewrite.stage import phase_taps, phases, unfold
from core.vits.convolution import Convolution, Weights
from core.vits.hifigan import Upsampler


class Quantized(NamedTuple):
    """The names of a u8 tensor, its scale and its zero point."""

    integers: str
    scale: str
    zero_point: str


class DynamicInt8(ChannelsLast):
    """The kernel of one stage."""

    def _phases(self, x: str, upsampler: Upsampler) -> str:
        taps, bias = phase_taps(upsampler), tiled_bias(upsampler)
        return convolve(self._b, quantize(self._b, x), phases(upsampler), bias, taps, dilation=1, padding=taps - 1)

    def activate(self, x: str) -> Quantized:
        """Write an activation, quantized for the convolution after it."""
        return quantize(self._b, self._b.op("LeakyRelu", x, alpha=self._stage.block_slope))

    activate_inner = activate

    def convolve(self, activated: Quantized, conv: Convolution) -> str:
        """Write a convolution that keeps the length."""
        return convolve(
            self._b, activated, as_matrix(conv.weight), conv.bias, conv.taps, conv.dilation, conv.same_padding
        )


def quantize(b: GraphBuilder, x: str) -> Quantized:
    """Write the quantization of an fp32 tensor."""
    return Quantized(*b.ops("DynamicQuantizeLinear", 3, x))


def convolve(
    b: GraphBuilder, x: Quantized, matrix: Weights, bias: Weights | None, taps: int, dilation: int, padding: int
) -> str:
    """Write the convolution of u8 [batch, samples, in] with `matrix`, [taps * in, out], as fp32 [batch, samples', out].

    ONNX Runtime fuses everything after the product into it.
    """
    integers, scales = quantize_per_channel(matrix)
    unfolded = unfold(b, x.integers, taps, dilation, padding, x.zero_point) if taps > 1 else x.integers
    product = b.op("MatMulInteger", unfolded, b.constant(integers), x.zero_point)
    y = b.op("Mul", b.op("Cast", product, to=1), b.op("Mul", x.scale, b.constant(scales)))
    return y if bias is None else b.op("Add", y, b.constant(bias))


def convolve_standalone(b: GraphBuilder, x: str, conv: Convolution, padding: int) -> str:
    """Write a convolution of fp32 [1, samples, in] that quantizes its input itself."""
    return convolve(b, quantize(b, x), as_matrix(conv.weight), conv.bias, conv.taps, conv.dilation, padding)
