"""Rewrites single convolutions over time where they stand in a graph, [1, channels, samples], one by one."""

from collections.abc import Callable, Collection

import onnx
from onnx import numpy_helper

from core.graph.builder import GraphBuilder
from core.graph.decoder import Convolution
from core.graph.index import GraphIndex, drop_unused_initializers

Write = Callable[[GraphBuilder, str, Convolution, int], str]
"""Writes a convolution of a time-major tensor, [1, samples, in], padded by so many samples at either end, and returns the
name of what it gives, [1, samples', out]."""


def rewrite_convolutions(graph: onnx.GraphProto, positions: Collection[int], prefix: str, write: Write) -> int:
    """Rewrite those of the nodes at `positions` that are plain convolutions; returns how many were."""
    index = GraphIndex(graph)
    builder = GraphBuilder(prefix)
    rewritten = 0
    nodes: list[onnx.NodeProto] = []
    for position, node in enumerate(index.nodes):
        plain = plain_convolution(index, node) if position in positions else None
        if plain is None:
            nodes.append(node)
            continue
        y = write(builder, builder.op("Transpose", node.input[0], perm=[0, 2, 1]), *plain)
        builder.op("Transpose", y, perm=[0, 2, 1], output=node.output[0])
        nodes += builder.nodes
        builder.nodes.clear()
        rewritten += 1
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(builder.constants)
    drop_unused_initializers(graph)
    return rewritten


def plain_convolution(index: GraphIndex, node: onnx.NodeProto) -> tuple[Convolution, int] | None:
    """The node as a convolution over time that mixes all channels, and its padding; None if it is none."""
    if node.op_type != "Conv" or any(name not in index.initializers for name in node.input[1:]):
        return None
    attributes = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
    weight, *bias = (numpy_helper.to_array(index.initializers[name]) for name in node.input[1:])
    if weight.ndim != 3 or weight.dtype != "float32":
        return None
    pads = attributes.get("pads", [0, 0])
    if attributes.get("group", 1) != 1 or list(attributes.get("strides", [1])) != [1] or pads[0] != pads[1]:
        return None
    dilation = int(attributes.get("dilations", [1])[0])
    conv = Convolution(weight, bias[0] if bias else None, dilation, node.input[0], node.output[0])
    return conv, int(pads[0])
