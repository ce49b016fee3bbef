"""Convolutions with 4-bit weights in blocks that share a scale, computed in fp32.

ONNX Runtime's `MatMulNBits` keeps the weights packed in memory, two per byte.
"""

import numpy as np
import numpy.typing as npt

from core.graph.builder import GraphBuilder
from core.rewrite.stage import unfold
from core.vits.convolution import Convolution

MAX_WEIGHT = 7
_ZERO_POINT = 8


def convolve(
    b: GraphBuilder,
    x: str,
    conv: Convolution,
    padding: int,
    integers: npt.NDArray[np.int8],
    scales: npt.NDArray[np.float32],
    block: int,
) -> str:
    """Write the convolution of fp32 [1, samples, in] with `integers`, [out, taps * in] in ±MAX_WEIGHT, times their scales."""
    outputs, inputs = integers.shape
    taps = conv.taps
    unfolded = unfold(b, x, taps, conv.dilation, padding, "") if taps > 1 else x
    y = b.op(
        "MatMulNBits",
        unfolded,
        b.constant(pack(integers, block)),
        b.constant(scales.reshape(-1)),
        domain="com.microsoft",
        K=inputs,
        N=outputs,
        bits=4,
        block_size=block,
    )
    return y if conv.bias is None else b.op("Add", y, b.constant(conv.bias))


def pack(integers: npt.NDArray[np.int8], block: int) -> npt.NDArray[np.uint8]:
    """Pack [out, in] as [out, blocks, block / 2]: two weights per byte, the first in the low bits, both increased by 8."""
    padded = np.pad(integers, ((0, 0), (0, -integers.shape[1] % block)))
    shifted = (padded + _ZERO_POINT).astype(np.uint8).reshape(padded.shape[0], -1, block // 2, 2)
    packed: npt.NDArray[np.uint8] = shifted[..., 0] | (shifted[..., 1] << np.uint8(4))
    return packed
