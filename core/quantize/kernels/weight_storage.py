"""Storing weights in fewer bits than they are computed in.

Operators on constants convert them back to fp32; ONNX Runtime computes those once, when it loads the model.
"""

from collections.abc import Callable, Collection

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from core.graph.builder import GraphBuilder
from core.graph.index import unused_prefix

Weights = npt.NDArray[np.float32]
Write = Callable[[GraphBuilder, str, Weights], None]

# Smaller tensors stay fp32: the conversion would cost more bytes than it saves.
_MIN_VALUES = 1024
_MAX_FP16 = float(np.finfo(np.float16).max)
_MAX_INT8 = 127
# Values that share a scale.
_BLOCK = 32


def store_as_fp16(graph: onnx.GraphProto, names: Collection[str] | None = None) -> int:
    """Store these fp32 weights, or all, as fp16, and return their number."""
    return _store(graph, "/half", names, _write_fp16)


def store_as_int8(graph: onnx.GraphProto, names: Collection[str] | None = None) -> int:
    """Store these fp32 weights, or all, as s8 with an fp16 scale for each block of a row, and return their number."""
    return _store(graph, "/bytes", names, _write_int8)


def drop_node_names(graph: onnx.GraphProto) -> None:
    """Remove the names of nodes, which only add bytes."""
    for node in graph.node:
        node.ClearField("name")


def _store(graph: onnx.GraphProto, prefix: str, names: Collection[str] | None, write: Write) -> int:
    """Store weights, including those in the body of a loop, which stay there."""
    builder = GraphBuilder(unused_prefix(graph, prefix))
    kept, stored = [], 0
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                stored += _store(attribute.g, f"{prefix}/{node.output[0]}", names, write)
    for tensor in graph.initializer:
        values = _weights(tensor) if names is None or tensor.name in names else None
        if values is None:
            kept.append(tensor)
        else:
            write(builder, tensor.name, values)
            stored += 1
    nodes = [*builder.nodes, *graph.node]
    for entries, new in ((graph.initializer, [*kept, *builder.constants]), (graph.node, nodes)):
        del entries[:]
        entries.extend(new)
    return stored


def _weights(tensor: onnx.TensorProto) -> Weights | None:
    """Return the values of a tensor; None if it is not fp32, is small, or exceeds the range of fp16."""
    if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _MIN_VALUES:
        return None
    values: Weights = numpy_helper.to_array(tensor)
    return values if np.abs(values).max() <= _MAX_FP16 else None


def _write_fp16(b: GraphBuilder, name: str, values: Weights) -> None:
    b.op("Cast", b.constant(values.astype(np.float16)), to=TensorProto.FLOAT, output=name)


def _write_int8(b: GraphBuilder, name: str, values: Weights) -> None:
    if values.ndim == 1:
        _write_fp16(b, name, values)
        return
    rows = values.reshape(values.shape[0], -1)
    block = _BLOCK if rows.shape[1] % _BLOCK == 0 else rows.shape[1]
    blocks = rows.reshape(rows.shape[0], -1, block)
    scales = np.maximum(np.abs(blocks).max(axis=2, keepdims=True) / _MAX_INT8, 1e-7).astype(np.float16)
    integers = np.clip(np.rint(blocks / scales.astype(np.float32)), -_MAX_INT8, _MAX_INT8).astype(np.int8)
    factors = (b.op("Cast", b.constant(part), to=TensorProto.FLOAT) for part in (integers, scales))
    b.op("Reshape", b.op("Mul", *factors), b.integers(*values.shape), output=name)
