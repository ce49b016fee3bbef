"""The door of every recipe: the original in the one form that analyses and rewrites know, with the numbers it has.

Exporters, simplifiers and ONNX Runtime itself write the same function in many forms. A model in the usual form, as Piper
exports it, is not changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, version_converter
from onnx.inliner import inline_local_functions

from core.errors import InvalidInput, reason_of
from core.graph.errors import UnsupportedGraph
from core.graph.fused import split_fused
from core.graph.index import STANDARD_DOMAINS, attributes_of, graphs_of, inputs_of
from core.graph.model import read_model
from core.graph.precision import to_fp32
from core.graph.sparse import to_dense
from core.graph.subgraph import MIN_OPSET
from core.text import truncate

# The opset of Piper's own export.
_OPSET = 15
# From this IR version on, initializers need not be inputs; a model of an earlier one gets the version of Piper's export.
_CONSTANT_INITIALIZERS, _IR_VERSION = 4, 8


def read_source(path: Path) -> onnx.ModelProto:
    """Read a voice's original, checked and normalized. Raises InvalidInput."""
    try:
        return normalize(read_model(path))
    except UnsupportedGraph as reason:
        raise InvalidInput(f"{path} cannot be optimized: {reason}") from reason


def normalize(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model in standard form, with every constant as an initializer. The model itself may change.

    Raises UnsupportedGraph.
    """
    model = standardize(model)
    with _damage_refused():
        for graph in graphs_of(model.graph):
            _constants_to_initializers(graph)
        _bypass(model.graph)
    return model


def standardize(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model in fp32 and in order, without functions, fused operators, idle imports and inputs that are constants.

    The model itself may change. Raises UnsupportedGraph.
    """
    with _damage_refused():
        if model.functions:
            model = inline_local_functions(model)
        for graph in graphs_of(model.graph):
            _sort_nodes(graph)
            to_dense(graph)
            split_fused(graph)
        _clean_domains(model)
        _drop_constant_inputs(model)
        to_fp32(model)
        return _with_known_opset(model)


@contextmanager
def _damage_refused() -> Iterator[None]:
    """Raise UnsupportedGraph for whatever onnx, NumPy and protobuf raise in this block on a damaged graph."""
    try:
        yield
    except Exception as error:
        reason = truncate(reason_of(error), 120)
        raise UnsupportedGraph(f"its graph cannot be put into standard form ({reason})") from error


def _sort_nodes(graph: onnx.GraphProto) -> None:
    """Move each node behind those whose outputs it reads. ONNX Runtime takes any order, the `onnx` package does not."""
    producer = {name: position for position, node in enumerate(graph.node) for name in node.output}
    read = {
        position: [producer[name] for name in inputs_of(node) if name in producer]
        for position, node in enumerate(graph.node)
    }
    if all(max(before, default=-1) < position for position, before in read.items()):
        return
    nodes = list(graph.node)
    in_order = [nodes[position] for position in TopologicalSorter(read).static_order()]
    del graph.node[:]
    graph.node.extend(in_order)


def _clean_domains(model: onnx.ModelProto) -> None:
    """Call the standard domain by one name, and drop the imports of domains that no node uses."""
    nodes = [node for graph in graphs_of(model.graph) for node in graph.node]
    for node in nodes:
        if node.domain in STANDARD_DOMAINS and node.domain:
            node.ClearField("domain")
    for entry in model.opset_import:
        if entry.domain in STANDARD_DOMAINS:
            entry.domain = ""
    used = {"", *(node.domain for node in nodes)}
    kept = {entry.domain: entry for entry in reversed(model.opset_import) if entry.domain in used}
    if len(kept) < len(model.opset_import):
        imports = list(reversed(kept.values()))
        del model.opset_import[:]
        model.opset_import.extend(imports)


def _drop_constant_inputs(model: onnx.ModelProto) -> None:
    """Make constants of initializers that are inputs as well, whose values a caller could otherwise replace."""
    initializers = {tensor.name for tensor in model.graph.initializer}
    kept = [entry for entry in model.graph.input if entry.name not in initializers]
    if len(kept) < len(model.graph.input):
        del model.graph.input[:]
        model.graph.input.extend(kept)
    if model.ir_version < _CONSTANT_INITIALIZERS:
        model.ir_version = _IR_VERSION


def _with_known_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model of an old opset in that of Piper's export; unchanged if onnx cannot convert it."""
    if max(entry.version for entry in model.opset_import if not entry.domain) >= MIN_OPSET:
        return model
    try:
        converted = version_converter.convert_version(model, _OPSET)
    except Exception:  # noqa: BLE001 - it raises what its adapters raise; an old graph is optimized as far as it can be
        return model
    # The converter keeps the graph, but not what is written about it.
    del converted.metadata_props[:]
    converted.metadata_props.extend(model.metadata_props)
    return converted


def _constants_to_initializers(graph: onnx.GraphProto) -> None:
    """Move the values of Constant nodes to the initializers."""
    kept = []
    for node in graph.node:
        tensor = _value_of(node) if node.op_type == "Constant" and node.output else None
        if tensor is None:
            kept.append(node)
        else:
            graph.initializer.append(tensor)
            graph.initializer[-1].name = node.output[0]
    if len(kept) < len(graph.node):
        del graph.node[:]
        graph.node.extend(kept)


def _value_of(node: onnx.NodeProto) -> onnx.TensorProto | None:
    """Return the value of a Constant node; None for text and sparse values."""
    attributes = attributes_of(node)
    if "value" in attributes:
        return attributes["value"]
    for name, number_type in (("float", np.float32), ("int", np.int64)):
        for attribute in (f"value_{name}", f"value_{name}s"):
            if attribute in attributes:
                return numpy_helper.from_array(np.array(attributes[attribute], number_type))
    return None


def _bypass(graph: onnx.GraphProto) -> None:
    """Let every node read what it reads through an Identity, or through a Cast of a constant to the type that it has."""
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    outputs = {entry.name for entry in graph.output}
    sources: dict[str, str] = {}
    kept = []
    for node in graph.node:
        if not _changes_nothing(node, types) or node.output[0] in outputs:
            kept.append(node)
            continue
        source = sources.get(node.input[0], node.input[0])
        sources[node.output[0]] = source
        if source in types:
            types[node.output[0]] = types[source]
    if not sources:
        return
    del graph.node[:]
    graph.node.extend(kept)
    for inner in graphs_of(graph):
        for node in inner.node:
            for number, name in enumerate(node.input):
                if name in sources:
                    node.input[number] = sources[name]


def _changes_nothing(node: onnx.NodeProto, types: dict[str, int]) -> bool:
    if len(node.input) != 1 or len(node.output) != 1:
        return False
    cast = node.op_type == "Cast" and types.get(node.input[0]) == attributes_of(node).get("to")
    return cast or bool(node.op_type == "Identity")
