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
    """A convolution over time. `weight` is [out, in, taps]; `reads` and `gives` name its tensors in the voice's graph."""

    weight: Weights
    bias: Weights | None
    dilation: int
    reads: str
    gives: str

    @property
    def taps(self) -> int:
        """Return the length of its kernel."""
        return int(self.weight.shape[2])

    @property
    def reach(self) -> int:
        """How many samples it looks to either side."""
        return self.dilation * (self.taps - 1) // 2


def plain_convolution(index: GraphIndex, node: onnx.NodeProto) -> tuple[Convolution, int] | None:
    """The node as a convolution over time that mixes all channels, and its padding; None if it is none."""
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
