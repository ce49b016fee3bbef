"""Products with 4-bit weights, a scale for each block along the input, computed in fp32.

ONNX Runtime's `MatMulNBits` keeps the weights packed in memory, two in a byte.
"""

import numpy as np
import numpy.typing as npt

from core.graph.builder import GraphBuilder
from core.rewrite.stage import unfold
from core.vits.convolution import Convolution

LARGEST = 7
_ZERO = 8


def convolve(
    b: GraphBuilder,
    x: str,
    conv: Convolution,
    padding: int,
    integers: npt.NDArray[np.int8],
    scales: npt.NDArray[np.float32],
    block: int,
) -> str:
    """The convolution of fp32 [1, samples, in] with `integers`, [out, taps * in] in ±LARGEST, and their block scales."""
    outside, inside = integers.shape
    taps = conv.weight.shape[2]
    unfolded = unfold(b, x, taps, conv.dilation, padding, "") if taps > 1 else x
    y = b.op(
        "MatMulNBits",
        unfolded,
        b.constant(pack(integers, block)),
        b.constant(scales.reshape(-1)),
        domain="com.microsoft",
        K=inside,
        N=outside,
        bits=4,
        block_size=block,
    )
    return y if conv.bias is None else b.op("Add", y, b.constant(conv.bias))


def pack(integers: npt.NDArray[np.int8], block: int) -> npt.NDArray[np.uint8]:
    """[out, in] as [out, blocks, block / 2]: the earlier one in the low half of the byte, both 8 higher."""
    filled = np.pad(integers, ((0, 0), (0, -integers.shape[1] % block)))
    shifted = (filled + _ZERO).astype(np.uint8).reshape(filled.shape[0], -1, block // 2, 2)
    packed: npt.NDArray[np.uint8] = shifted[..., 0] | (shifted[..., 1] << np.uint8(4))
    return packed
