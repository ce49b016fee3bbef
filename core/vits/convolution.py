"""A convolution over time, read from a node of a graph."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from core.graph.index import GraphIndex, attributes_of

Weights = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Convolution:
    """A convolution over time. `input` and `output` name its tensors in the voice's graph."""

    weight: Weights
    """[out, in, taps]"""
    bias: Weights | None
    dilation: int
    input: str
    output: str

    @property
    def taps(self) -> int:
        """Return the length of the kernel."""
        return int(self.weight.shape[2])

    @property
    def same_padding(self) -> int:
        """Return the padding on either side that keeps the length."""
        return self.dilation * (self.taps - 1) // 2


def plain_convolution(index: GraphIndex, node: onnx.NodeProto) -> tuple[Convolution, int] | None:
    """Read a node as an fp32 convolution over time without groups or strides.

    Returns the convolution and its padding on either side, or None if the node is anything else.
    """
    if node.op_type != "Conv" or any(name not in index.initializers for name in node.input[1:]):
        return None
    attributes = attributes_of(node)
    weight, *bias = (numpy_helper.to_array(index.initializers[name]) for name in node.input[1:])
    if weight.ndim != 3 or weight.dtype != "float32":
        return None
    pads = attributes.get("pads", [0, 0])
    if attributes.get("group", 1) != 1 or list(attributes.get("strides", [1])) != [1] or pads[0] != pads[1]:
        return None
    dilation = int(attributes.get("dilations", [1])[0])
    conv = Convolution(weight, bias[0] if bias else None, dilation, node.input[0], node.output[0])
    return conv, int(pads[0])
