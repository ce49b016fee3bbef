"""Building nodes and constants with unique names."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class GraphBuilder:
    """Collects nodes, constants and tensor shapes. All names start with one prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._count = 0
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.shapes: list[onnx.ValueInfoProto] = []

    def op(self, op_type: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node with one output, and return the output's name."""
        name = output or self._name()
        self.nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))
        return name

    def ops(self, op_type: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with several outputs, and return their names."""
        names = [self._name() for _ in range(outputs)]
        self.nodes.append(helper.make_node(op_type, inputs, names, name=names[0], **attributes))
        return names

    def constant(self, value: Any) -> str:
        """Add a constant, and return its name."""
        name = self._name()
        self.constants.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def integers(self, *values: int) -> str:
        """Add a constant int64 vector, and return its name."""
        return self.constant(np.array(values, dtype=np.int64))

    def shaped(self, tensor: str, shape: Sequence[int | str]) -> str:
        """Declare a tensor's shape, and return its name.

        Dimensions with the same name are equal, which ONNX Runtime cannot infer itself.
        """
        self.shapes.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape))
        return tensor

    def _name(self) -> str:
        self._count += 1
        return f"{self.prefix}/{self._count}"
