"""Collects the nodes and weights of a graph, named as torch's export names them."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 15
FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


class Builder:
    """A graph under construction. Tensors are identified by name, as in ONNX."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self._random = np.random.default_rng(seed)
        self._scopes: list[str] = []
        self._used: Counter[str] = Counter()
        self._computed: dict[tuple[str, tuple[str, ...], str], str] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    @contextmanager
    def scope(self, *names: str) -> Iterator[None]:
        """Prefix the names of nodes and weights that are added inside."""
        self._scopes.extend(names)
        yield
        del self._scopes[len(self._scopes) - len(names) :]

    def op(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output unless there is an equal one, and return the output."""
        key = op_type, inputs, repr(attributes)
        if op_type == "RandomNormalLike" or key not in self._computed:
            self._computed[key] = self.split_op(op_type, *inputs, outputs=1, **attributes)[0]
        return self._computed[key]

    def split_op(self, op_type: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add a node with several outputs, and return them."""
        name = self._unique(op_type)
        names = [f"{name}_output_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(op_type, list(inputs), names, name=name, **attributes))
        return names

    def weight(self, name: str, *dims: int, gain: float = 1.0, mean: float = 0.0) -> str:
        """Add a weight: normal, scaled to keep the variance of what one output sums up."""
        spread = gain / math.sqrt(math.prod(dims[1:]))
        return self.table(name, mean + spread * self._random.standard_normal(dims))

    def table(self, name: str, values: Any) -> str:
        """Add a weight with these values."""
        full = ".".join([*self._scopes, name])
        self.initializers[full] = numpy_helper.from_array(np.asarray(values, dtype=np.float32), full)
        return full

    def ints(self, *values: int) -> str:
        """Add a constant vector of integers: axes, sizes, limits of slices."""
        return self._constant(np.array(values, dtype=np.int64))

    def int(self, value: int) -> str:
        """Add a constant integer scalar."""
        return self._constant(np.array(value, dtype=np.int64))

    def float(self, value: float) -> str:
        """Add a constant float scalar."""
        return self._constant(np.array(value, dtype=np.float32))

    def zeros_of(self, shape: str) -> str:
        """Add a tensor of zeros with a computed shape."""
        return self.op("ConstantOfShape", shape, value=helper.make_tensor("value", FLOAT, [1], [0.0]))

    def _constant(self, values: np.ndarray[Any, Any]) -> str:
        # The export stores equal constants once.
        key = values.dtype.name, values.shape, values.tobytes()
        if key not in self._constants:
            name = f"{self._unique('Constant')}_output_0"
            self._constants[key] = name
            self.initializers[name] = numpy_helper.from_array(values, name)
        return self._constants[key]

    def _unique(self, op_type: str) -> str:
        base = "/" + "/".join([*self._scopes, op_type])
        self._used[base] += 1
        count = self._used[base]
        return base if count == 1 else f"{base}_{count - 1}"
