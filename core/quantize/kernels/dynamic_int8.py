"""8-bit integer convolutions whose input ranges are found anew each time they run.

Activations become u8 by the smallest and largest value of the tensor at hand, weights are s8 with a scale for each output
channel, sums come out as floats: nothing is rounded after the product, and residual sums stay fp32. Time-major throughout.
"""

from typing import NamedTuple

from core.graph.builder import GraphBuilder
from core.quantize.kernels.weight_rounding import round_columns
from core.rewrite.channels_last import TimeMajor, as_matrix, tiled_bias
from core.rewrite.stage import phases, unfold
from core.vits.convolution import Convolution, Weights
from core.vits.hifigan import Upsampler


class Quantized(NamedTuple):
    """The names of a u8 tensor, its scale and its zero point."""

    integers: str
    scale: str
    zero: str


class Dynamic(TimeMajor):
    """One stage."""

    def _phases(self, x: str, upsampler: Upsampler) -> str:
        bias = tiled_bias(upsampler)
        return convolve(self._b, quantize(self._b, x), phases(upsampler), bias, taps=2, dilation=1, padding=1)

    def activate(self, x: str) -> Quantized:
        return quantize(self._b, self._b.op("LeakyRelu", x, alpha=self._stage.block_slope))

    activate_between = activate

    def convolve(self, activated: Quantized, conv: Convolution) -> str:
        taps = conv.weight.shape[2]
        return convolve(self._b, activated, as_matrix(conv.weight), conv.bias, taps, conv.dilation, conv.reach)


def quantize(b: GraphBuilder, x: str) -> Quantized:
    return Quantized(*b.ops("DynamicQuantizeLinear", 3, x))


def convolve(
    b: GraphBuilder, x: Quantized, matrix: Weights, bias: Weights | None, taps: int, dilation: int, padding: int
) -> str:
    """The convolution of u8 [rows, samples, in] with `matrix`, [taps * in, out], as floats [rows, samples', out].

    ONNX Runtime fuses all that follows the product into it.
    """
    integers, scales = round_columns(matrix)
    unfolded = unfold(b, x.integers, taps, dilation, padding, x.zero) if taps > 1 else x.integers
    product = b.op("MatMulInteger", unfolded, b.constant(integers), x.zero)
    y = b.op("Mul", b.op("Cast", product, to=1), b.op("Mul", x.scale, b.constant(scales)))
    return y if bias is None else b.op("Add", y, b.constant(bias))


def convolve_in_place(b: GraphBuilder, x: str, conv: Convolution, padding: int) -> str:
    """A convolution of fp32 [1, samples, in] that stands alone."""
    return convolve(b, quantize(b, x), as_matrix(conv.weight), conv.bias, conv.weight.shape[2], conv.dilation, padding)
