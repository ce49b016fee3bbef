"""An index over an ONNX graph: producers and consumers of tensors, ancestors and descendants of nodes."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import onnx

STANDARD_DOMAINS = ("", "ai.onnx")
"""The names of the domain of ONNX's own operators."""


class GraphIndex:
    """Producers and consumers of a graph. Nodes are identified by their position in `graph.node`, a topological order."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.nodes = list(graph.node)
        self.initializers = {tensor.name: tensor for tensor in graph.initializer}
        self.producer: dict[str, int] = {}
        self.consumers: dict[str, list[int]] = defaultdict(list)
        for position, node in enumerate(self.nodes):
            for tensor in node.output:
                self.producer[tensor] = position
            for tensor in inputs_of(node):
                self.consumers[tensor].append(position)

    def of_type(self, op_type: str) -> list[int]:
        """Return the positions of all nodes with this operator."""
        return [position for position, node in enumerate(self.nodes) if node.op_type == op_type]

    def parents(self, position: int, up_to: Collection[str] = ()) -> Iterator[int]:
        """Yield the producers of a node's inputs, except of the tensors `up_to`."""
        for tensor in inputs_of(self.nodes[position]):
            if tensor in self.producer and tensor not in up_to:
                yield self.producer[tensor]

    def children(self, position: int) -> Iterator[int]:
        """Yield the consumers of a node's outputs."""
        for tensor in self.nodes[position].output:
            yield from self.consumers[tensor]

    def ancestors(self, start: Iterable[int], up_to: Collection[str] = ()) -> set[int]:
        """Return `start` and everything upstream of it, not going beyond the tensors `up_to`."""
        return _closure(start, lambda position: self.parents(position, up_to))

    def descendants(self, start: Iterable[int]) -> set[int]:
        """Return `start` and everything downstream of it."""
        return _closure(start, self.children)

    def weight_bytes(self, positions: Iterable[int]) -> int:
        """Return the bytes of the initializers that these nodes read, each counted once."""
        names = {tensor for position in positions for tensor in inputs_of(self.nodes[position])}
        return sum(self.initializers[name].ByteSize() for name in names if name in self.initializers)


def _closure(start: Iterable[int], step: Callable[[int], Iterable[int]]) -> set[int]:
    seen = set(start)
    stack = list(seen)
    while stack:
        for following in step(stack.pop()):
            if following not in seen:
                seen.add(following)
                stack.append(following)
    return seen


def inputs_of(node: onnx.NodeProto) -> list[str]:
    """Return the tensors that a node reads, including those that its subgraphs capture."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            names += [name for inner in attribute.g.node for name in inputs_of(inner)]
    return names


def graphs_of(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph, then the subgraphs of its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from graphs_of(inner)


def tensors_of(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield every stored tensor of a graph and its subgraphs: initializers, and tensors in attributes."""
    for inner in graphs_of(graph):
        yield from inner.initializer
        for sparse in inner.sparse_initializer:
            yield from (sparse.values, sparse.indices)
        for attribute in (entry for node in inner.node for entry in node.attribute):
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def unused_prefix(graph: onnx.GraphProto, prefix: str) -> str:
    """Return the prefix, made longer if a tensor's name begins with it already."""
    names = {name for inner in graphs_of(graph) for node in inner.node for name in (*node.input, *node.output)}
    while any(name.startswith(prefix) for name in names):
        prefix += "'"
    return prefix


def attributes_of(node: onnx.NodeProto) -> dict[str, Any]:
    """Return the values of a node's attributes by name."""
    return {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}


def drop_unused_initializers(graph: onnx.GraphProto) -> None:
    """Remove the initializers that no node reads."""
    used = set(GraphIndex(graph).consumers) | {entry.name for entry in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
