"""A piece of a graph that is written anew as a whole: it may be taken out, run alone, and compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from core.graph.builder import GraphBuilder
from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex, drop_unused_initializers

_OLDEST_OPSET = 13


@dataclass(frozen=True)
class Piece:
    """What lies between the tensors that it reads and the one that it gives."""

    examples: Sequence[dict[str, npt.NDArray[Any]]]
    """Values of what it reads, to run it on."""
    gives: str

    @property
    def reads(self) -> list[str]:
        return list(self.examples[0])

    def positions(self, index: GraphIndex) -> set[int]:
        """Return the positions of its nodes. Raises NotRecognised."""
        return positions_between(index, self.reads, self.gives)


def check_opset(model: onnx.ModelProto) -> None:
    """Raises NotRecognised for a model older than the operators that pieces are written in."""
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset < _OLDEST_OPSET:
        raise UnsupportedGraph(f"opset {opset}: the rewriting needs {_OLDEST_OPSET}")


class Writable(Protocol):
    """Something found in a graph that a piece of it stands for."""

    @property
    def piece(self) -> Piece: ...


Found = TypeVar("Found", bound=Writable)


def rewrite_pieces(
    model: onnx.ModelProto, prefix: str, found: Sequence[Found], write: Callable[[GraphBuilder, Found], None]
) -> tuple[onnx.ModelProto, list[Piece]]:
    """The model with what was found written anew, and the pieces that changed. Raises NotRecognised."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    pieces = [entry.piece for entry in found]
    for number, (entry, piece) in enumerate(zip(found, pieces, strict=True)):
        builder = GraphBuilder(f"{prefix}_{number}")
        write(builder, entry)
        splice(made.graph, piece.reads, piece.gives, builder)
    return made, pieces


def positions_between(index: GraphIndex, reads: Sequence[str], gives: str) -> set[int]:
    """Return the positions of the nodes that compute `gives` from `reads`. Raises NotRecognised."""
    if gives not in index.producer:
        raise UnsupportedGraph(f"nothing gives {gives}")
    readers = [position for name in reads for position in index.readers[name]]
    return index.descendants(readers) & index.ancestors([index.producer[gives]], up_to=reads)


def splice(graph: onnx.GraphProto, reads: Sequence[str], gives: str, builder: GraphBuilder) -> None:
    """Replace the nodes that compute `gives` from `reads` by those of the builder. Raises NotRecognised."""
    index = GraphIndex(graph)
    inside = positions_between(index, reads, gives)
    read_outside = {name for name, readers in index.readers.items() if not inside.issuperset(readers)}
    if any(set(index.nodes[position].output) & read_outside - {gives} for position in inside):
        raise UnsupportedGraph(f"what leads to {gives} is read elsewhere, too")
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


def alone(model: onnx.ModelProto, piece: Piece) -> onnx.ModelProto:
    """A model of nothing but the piece."""
    index = GraphIndex(model.graph)
    graph = helper.make_graph(
        [index.nodes[position] for position in sorted(piece.positions(index))],
        "piece",
        [_value_info(name, values) for name, values in piece.examples[0].items()],
        [helper.make_tensor_value_info(piece.gives, onnx.TensorProto.FLOAT, None)],
        list(model.graph.initializer),
    )
    drop_unused_initializers(graph)
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _value_info(name: str, values: npt.NDArray[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(np.dtype(values.dtype)), [None] * values.ndim
    )
