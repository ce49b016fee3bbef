"""Weights of convolutions stored in five and a third bits: three integers of 40 levels in two bytes.

As for weights in 8 bits, operators on constants convert them back to fp32 when a model is loaded: the convolution stays what
it is. Arithmetic in fp32 unpacks them exactly, since a packed value is below 2**16.
"""

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from core.graph.builder import GraphBuilder

MAX_WEIGHT = 19
_LEVELS, _OFFSET = 40, 20
_PER_VALUE = 3


def write_packed(
    b: GraphBuilder,
    name: str,
    integers: npt.NDArray[np.int8],
    scales: npt.NDArray[np.float32],
    block: int,
    taps: int,
) -> None:
    """Write the weight `name`, [out, in, taps], from [out, taps * in] in ±MAX_WEIGHT and their scales, [out, blocks].

    The last block of a row may be shorter.
    """
    outputs, columns = integers.shape
    whole = np.pad(integers, ((0, 0), (0, -columns % block)))
    packed = b.op("Cast", b.constant(pack(whole)), to=TensorProto.FLOAT)
    digits = []
    for _ in range(_PER_VALUE - 1):
        rest = b.op("Floor", b.op("Div", packed, b.constant(np.float32(_LEVELS))))
        digits.append(b.op("Sub", packed, b.op("Mul", rest, b.constant(np.float32(_LEVELS)))))
        packed = rest
    end, axis = b.integers(whole.shape[1]), b.integers(1)
    joined = b.op("Slice", b.op("Concat", *digits, packed, axis=1), b.integers(0), end, axis)
    blocks = b.op("Reshape", joined, b.integers(outputs, -1, block))
    factors = b.op("Cast", b.constant(scales.astype(np.float16)[:, :, None]), to=TensorProto.FLOAT)
    values = b.op("Mul", b.op("Sub", blocks, b.constant(np.float32(_OFFSET))), factors)
    rows = b.op("Slice", b.op("Reshape", values, b.integers(outputs, -1)), b.integers(0), b.integers(columns), axis)
    b.op("Transpose", b.op("Reshape", rows, b.integers(outputs, taps, -1)), perm=[0, 2, 1], output=name)


def pack(integers: npt.NDArray[np.int8]) -> npt.NDArray[np.uint16]:
    """Pack [out, columns] as [out, columns / 3]: the thirds of a row are the digits, the first one the lowest."""
    padded = np.pad(integers, ((0, 0), (0, -integers.shape[1] % _PER_VALUE)))
    digits = (padded.astype(np.uint16) + np.uint16(_OFFSET)).reshape(len(padded), _PER_VALUE, -1)
    weights = np.array([1, _LEVELS, _LEVELS**2], np.uint16)
    packed: npt.NDArray[np.uint16] = (digits * weights[:, None]).sum(axis=1, dtype=np.uint16)
    return packed
