"""Halves of a voice: the encoder and the decoder that Piper's streaming export writes as two models.

The encoder computes the latent of a sentence and its mask, for several speakers also the speaker's embedding; the decoder
computes the audio from them. The tensors between both have the same names in both.
"""

from enum import StrEnum

import onnx
from onnx import TensorProto, compose, helper

from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex, graphs_of

INPUTS = ("input", "input_lengths", "scales")
"""The inputs of every whole voice."""
_PREFIX = "decoder/"
_OUTPUT = "output"


class Half(StrEnum):
    """Which half of a voice a model is."""

    ENCODER = "encoder"
    DECODER = "decoder"

    @property
    def other(self) -> "Half":
        """Return the half that is missing."""
        return Half.DECODER if self is Half.ENCODER else Half.ENCODER


def half_of(model: onnx.ModelProto) -> Half | None:
    """Return which half of a voice the model is, by structure; None for a whole voice, and for what is no voice."""
    reads, given = _required_inputs(model), [entry.name for entry in model.graph.output]
    index = GraphIndex(model.graph)
    upsamples = bool(index.of_type("ConvTranspose"))
    if not reads.intersection(INPUTS):
        return Half.DECODER if upsamples and len(reads) > 1 else None
    if not reads.issuperset(INPUTS) or len(given) < 2 or given[0] not in index.producer:
        return None
    upstream = index.ancestors([index.producer[given[0]]])
    if upstream.intersection(index.of_type("ConvTranspose")):
        return None
    # Audio has one channel, whatever decoder it comes from.
    shape = model.graph.output[0].type.tensor_type.shape.dim
    return Half.ENCODER if len(shape) == 3 and shape[1].dim_value != 1 else None


def belong_together(encoder: onnx.ModelProto, decoder: onnx.ModelProto) -> bool:
    """Return whether the decoder reads what the encoder computes, and nothing else."""
    return _required_inputs(decoder) <= {entry.name for entry in encoder.graph.output}


def join_halves(encoder: onnx.ModelProto, decoder: onnx.ModelProto) -> onnx.ModelProto:
    """Return the whole voice, with the inputs and the output that Piper's plain export has. Raises UnsupportedGraph."""
    if not belong_together(encoder, decoder):
        raise UnsupportedGraph("the decoder reads tensors that the encoder does not compute")
    crossing = {_PREFIX + name: name for name in _required_inputs(decoder)}
    renamed = compose.add_prefix(decoder, _PREFIX)
    for node in (node for graph in graphs_of(renamed.graph) for node in graph.node):
        for number, name in enumerate(node.input):
            node.input[number] = crossing.get(name, name)
    whole = onnx.ModelProto()
    whole.CopyFrom(encoder)
    _merge_headers(whole, decoder)
    graph = whole.graph
    graph.node.extend(renamed.graph.node)
    graph.initializer.extend(renamed.graph.initializer)
    graph.sparse_initializer.extend(renamed.graph.sparse_initializer)
    graph.value_info.extend(renamed.graph.value_info)
    graph.value_info.extend(encoder.graph.output)
    # The streaming export leaves out the last dimension but one.
    graph.initializer.append(helper.make_tensor(f"{_PREFIX}shape", TensorProto.INT64, [4], [0, 1, 1, -1]))
    audio = renamed.graph.output[0].name
    graph.node.append(helper.make_node("Reshape", [audio, f"{_PREFIX}shape"], [_OUTPUT], name=f"{_PREFIX}{_OUTPUT}"))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(_OUTPUT, TensorProto.FLOAT, ["batch_size", 1, 1, "time"]))
    return whole


def _required_inputs(model: onnx.ModelProto) -> set[str]:
    """Return the inputs without a default value."""
    return {entry.name for entry in model.graph.input} - {tensor.name for tensor in model.graph.initializer}


def _merge_headers(whole: onnx.ModelProto, decoder: onnx.ModelProto) -> None:
    """Add to the encoder's copy what the decoder declares. Raises UnsupportedGraph."""
    versions = {entry.domain: entry.version for entry in whole.opset_import}
    for entry in decoder.opset_import:
        if versions.setdefault(entry.domain, entry.version) != entry.version:
            raise UnsupportedGraph(
                f"they need different versions of one operator set ({versions[entry.domain]} and {entry.version})"
            )
    whole.opset_import.extend(entry for entry in decoder.opset_import if entry not in whole.opset_import)
    whole.functions.extend(decoder.functions)
    whole.ir_version = max(whole.ir_version, decoder.ir_version)
    keys = {entry.key for entry in whole.metadata_props}
    whole.metadata_props.extend(entry for entry in decoder.metadata_props if entry.key not in keys)
