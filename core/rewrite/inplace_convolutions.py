"""Rewriting single convolutions over time, [1, channels, samples], where they stand in a graph."""

from collections.abc import Callable, Collection

import onnx

from core.graph.builder import GraphBuilder
from core.graph.index import GraphIndex, drop_unused_initializers, unused_prefix
from core.vits.convolution import Convolution, plain_convolution

WriteConvolution = Callable[[GraphBuilder, str, Convolution, int], str]
"""Writes a convolution of a channels-last tensor, [1, samples, in], with this padding on either side, and returns the name
of its output, [1, samples', out]."""


def rewrite_convolutions(
    graph: onnx.GraphProto, positions: Collection[int], prefix: str, write: WriteConvolution
) -> int:
    """Rewrite the plain convolutions among the nodes at `positions`, and return their number."""
    index = GraphIndex(graph)
    builder = GraphBuilder(unused_prefix(graph, prefix))
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
