"""Subgraphs: replacing them, and extracting them to be run and compared by themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from core.graph.builder import GraphBuilder
from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex, drop_unused_initializers, unused_prefix

MIN_OPSET = 13
"""The oldest opset that subgraphs are rewritten in."""


@dataclass(frozen=True)
class Subgraph:
    """The nodes between some input tensors and one output tensor."""

    examples: Sequence[dict[str, npt.NDArray[Any]]]
    """Values of the inputs by name, to run the subgraph on."""
    output: str

    @property
    def inputs(self) -> list[str]:
        """Return the names of the input tensors."""
        return list(self.examples[0])

    def positions(self, index: GraphIndex) -> set[int]:
        """Return the positions of its nodes. Raises UnsupportedGraph."""
        return positions_between(index, self.inputs, self.output)


def require_opset(model: onnx.ModelProto) -> None:
    """Raise UnsupportedGraph if the model is older than the operators that subgraphs are rewritten in."""
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset < MIN_OPSET:
        raise UnsupportedGraph(f"opset {opset}: rewriting needs {MIN_OPSET}")


class Rewritable(Protocol):
    """A structure found in a graph, which one subgraph computes."""

    @property
    def subgraph(self) -> Subgraph:
        """Return the subgraph."""


Found = TypeVar("Found", bound=Rewritable)


def rewrite_subgraphs(
    model: onnx.ModelProto, prefix: str, found: Sequence[Found], write: Callable[[GraphBuilder, Found], None]
) -> tuple[onnx.ModelProto, list[Subgraph]]:
    """Return a copy of the model with each found structure rewritten, and the subgraphs that changed.

    Raises UnsupportedGraph.
    """
    rewritten = onnx.ModelProto()
    rewritten.CopyFrom(model)
    subgraphs = [entry.subgraph for entry in found]
    prefix = unused_prefix(model.graph, prefix)
    for number, (entry, subgraph) in enumerate(zip(found, subgraphs, strict=True)):
        builder = GraphBuilder(f"{prefix}_{number}")
        write(builder, entry)
        splice(rewritten.graph, subgraph.inputs, subgraph.output, builder)
    return rewritten, subgraphs


def positions_between(index: GraphIndex, inputs: Sequence[str], output: str) -> set[int]:
    """Return the positions of the nodes that compute `output` from `inputs`. Raises UnsupportedGraph."""
    if output not in index.producer:
        raise UnsupportedGraph(f"no node produces {output}")
    consumers = [position for name in inputs for position in index.consumers[name]]
    return index.descendants(consumers) & index.ancestors([index.producer[output]], up_to=inputs)


def splice(graph: onnx.GraphProto, inputs: Sequence[str], output: str, builder: GraphBuilder) -> None:
    """Replace the nodes that compute `output` from `inputs` by those of the builder. Raises UnsupportedGraph."""
    index = GraphIndex(graph)
    inside = positions_between(index, inputs, output)
    read_outside = {name for name, consumers in index.consumers.items() if not inside.issuperset(consumers)}
    if any(set(index.nodes[position].output) & read_outside - {output} for position in inside):
        raise UnsupportedGraph(f"other nodes also read what leads to {output}")
    end = max(inside)
    nodes: list[onnx.NodeProto] = []
    for position, node in enumerate(index.nodes):
        if position == end:
            nodes += builder.nodes
        if position not in inside:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(builder.constants)
    graph.value_info.extend(builder.shapes)
    drop_unused_initializers(graph)


def extract(model: onnx.ModelProto, subgraph: Subgraph) -> onnx.ModelProto:
    """Return a model that consists of the subgraph only."""
    index = GraphIndex(model.graph)
    graph = helper.make_graph(
        [index.nodes[position] for position in sorted(subgraph.positions(index))],
        "subgraph",
        [_value_info(name, values) for name, values in subgraph.examples[0].items()],
        [helper.make_tensor_value_info(subgraph.output, onnx.TensorProto.FLOAT, None)],
        list(model.graph.initializer),
    )
    drop_unused_initializers(graph)
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _value_info(name: str, values: npt.NDArray[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(np.dtype(values.dtype)), [None] * values.ndim
    )
