"""Undoing the fusions of ONNX Runtime that hide a structure: a convolution with its activation in one node."""

import onnx
from onnx import helper

from core.graph.index import attributes_of

_FUSED_DOMAIN = "com.microsoft"
# By activation, the attributes that its parameters are, in their order.
_ACTIVATIONS = {"Relu": (), "Tanh": (), "Sigmoid": (), "LeakyRelu": ("alpha",), "HardSigmoid": ("alpha", "beta")}
_INPUTS_OF_CONV = 3


def split_fused(graph: onnx.GraphProto) -> None:
    """Replace each fused convolution by a convolution and what follows it."""
    if not any(_is_fused(node) for node in graph.node):
        return
    nodes = [part for node in graph.node for part in (_parts(node) if _is_fused(node) else [node])]
    del graph.node[:]
    graph.node.extend(nodes)


def _is_fused(node: onnx.NodeProto) -> bool:
    if node.op_type != "FusedConv" or node.domain != _FUSED_DOMAIN:
        return False
    return attributes_of(node).get("activation", b"").decode(errors="replace") in _ACTIVATIONS


def _parts(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Return the convolution, the sum if there is one, and the activation."""
    attributes = attributes_of(node)
    activation = attributes.pop("activation").decode()
    given = attributes.pop("activation_params", [])
    (output,), convolved = node.output, f"{node.output[0]}/convolved"
    parts = [helper.make_node("Conv", node.input[:_INPUTS_OF_CONV], [convolved], name=node.name, **attributes)]
    for addend in node.input[_INPUTS_OF_CONV:]:
        parts.append(helper.make_node("Add", [convolved, addend], [f"{convolved}/sum"], name=f"{node.name}/sum"))
        convolved = f"{convolved}/sum"
    params = dict(zip(_ACTIVATIONS[activation], given, strict=False))
    parts.append(helper.make_node(activation, [convolved], [output], name=f"{node.name}/{activation}", **params))
    return parts
