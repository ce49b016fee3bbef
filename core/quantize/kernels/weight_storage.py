"""Stores weights in fewer bits than they are computed in.

What brings them back to fp32 stands in front of their readers as operators on constants, which ONNX Runtime computes once,
when it loads the model.
"""

from collections.abc import Callable, Collection

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from core.graph.builder import GraphBuilder

Weights = npt.NDArray[np.float32]
Write = Callable[[GraphBuilder, str, Weights], None]

# Smaller ones are left alone: what brings them back costs more bytes than it saves.
_FEWEST_VALUES = 1024
_LARGEST_HALF = float(np.finfo(np.float16).max)
_LARGEST_BYTE = 127
# Values that share a scale.
_BLOCK = 32


def store_as_half(graph: onnx.GraphProto, names: Collection[str] | None = None) -> int:
    """Keep these fp32 weights, or all, as fp16; returns how many."""
    return _store(graph, "/half", names, _write_half)


def store_as_bytes(graph: onnx.GraphProto, names: Collection[str] | None = None) -> int:
    """The same as s8, with a scale in fp16 for each block along their rows."""
    return _store(graph, "/bytes", names, _write_bytes)


def drop_node_names(graph: onnx.GraphProto) -> None:
    """Nobody needs them: what a node makes has a name of its own."""
    for node in graph.node:
        node.ClearField("name")


def _store(graph: onnx.GraphProto, prefix: str, names: Collection[str] | None, write: Write) -> int:
    """Weights in the body of a loop are stored there."""
    builder = GraphBuilder(prefix)
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
    """None for what is not fp32, small, or beyond what fp16 can hold."""
    if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _FEWEST_VALUES:
        return None
    values: Weights = numpy_helper.to_array(tensor)
    return values if np.abs(values).max() <= _LARGEST_HALF else None


def _write_half(b: GraphBuilder, name: str, values: Weights) -> None:
    b.op("Cast", b.constant(values.astype(np.float16)), to=TensorProto.FLOAT, output=name)


def _write_bytes(b: GraphBuilder, name: str, values: Weights) -> None:
    if values.ndim == 1:
        _write_half(b, name, values)
        return
    rows = values.reshape(values.shape[0], -1)
    block = _BLOCK if rows.shape[1] % _BLOCK == 0 else rows.shape[1]
    blocks = rows.reshape(rows.shape[0], -1, block)
    scales = np.maximum(np.abs(blocks).max(axis=2, keepdims=True) / _LARGEST_BYTE, 1e-7).astype(np.float16)
    integers = np.clip(np.rint(blocks / scales.astype(np.float32)), -_LARGEST_BYTE, _LARGEST_BYTE).astype(np.int8)
    factors = (b.op("Cast", b.constant(part), to=TensorProto.FLOAT) for part in (integers, scales))
    b.op("Reshape", b.op("Mul", *factors), b.integers(*values.shape), output=name)
