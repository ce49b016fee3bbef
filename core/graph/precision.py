"""Half-precision graphs in fp32: every number stays what it is, and what is computed with it is no longer rounded."""

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from core.graph.index import graphs_of, tensors_of

_HALF = {TensorProto.FLOAT16, TensorProto.BFLOAT16}
# The attributes that name the type of a node's output.
_TYPE_ATTRIBUTES = {"to", "dtype", "output_dtype"}


def has_half_precision(model: onnx.ModelProto) -> bool:
    """Return whether anything in the graph is stored or computed in half precision."""
    return (
        any(tensor.data_type in _HALF for tensor in tensors_of(model.graph))
        or any(_names_half(attribute) for attribute in _type_attributes(model.graph))
        or any(entry.type.tensor_type.elem_type in _HALF for entry in _typed(model.graph))
    )


def to_fp32(model: onnx.ModelProto) -> None:
    """Store and compute in fp32 what is stored or computed in half precision."""
    for tensor in tensors_of(model.graph):
        if tensor.data_type in _HALF:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for attribute in _type_attributes(model.graph):
        if _names_half(attribute):
            attribute.i = TensorProto.FLOAT
    for entry in _typed(model.graph):
        if entry.type.tensor_type.elem_type in _HALF:
            entry.type.tensor_type.elem_type = TensorProto.FLOAT


def _type_attributes(graph: onnx.GraphProto) -> list[onnx.AttributeProto]:
    nodes = (node for inner in graphs_of(graph) for node in inner.node)
    return [attribute for node in nodes for attribute in node.attribute if attribute.name in _TYPE_ATTRIBUTES]


def _names_half(attribute: onnx.AttributeProto) -> bool:
    return attribute.type == onnx.AttributeProto.INT and attribute.i in _HALF


def _typed(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Return everything in the graph and its subgraphs that has a declared type."""
    return [entry for inner in graphs_of(graph) for entry in (*inner.input, *inner.output, *inner.value_info)]
