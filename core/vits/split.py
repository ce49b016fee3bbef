"""Splits a voice into two models in front of its flow.

The encoder half (text encoder, durations, noise) has lengths that depend on the sentence, which Core ML cannot compute: it
stays in ONNX Runtime. The decoder half (flow and decoder) processes any number of frames, and takes most of the time.

A graph whose flow or decoder was rewritten is not recognized any more: its split point is written into its metadata before.
"""

from dataclasses import dataclass, replace
from functools import reduce

import onnx
from onnx import TensorProto, helper

from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex, attributes_of, drop_unused_initializers, inputs_of
from core.vits.piper_session import PiperSession
from core.vits.receptive_field import ReceptiveField
from core.vits.split_point import METADATA_KEY, SplitPoint
from core.vits.voice_graph import VoiceGraph

# A minimal sentence for any voice: pause, begin and end.
_IDS = [1, 0, 1, 0, 2]
# Operators without weights that compute each frame from the same frame of their inputs.
_POINTWISE = {
    *("Add", "Sub", "Mul", "Div", "Neg", "Exp", "Tanh", "Sigmoid", "LeakyRelu", "Split", "Slice", "Concat"),
    *("Shape", "ConstantOfShape", "Constant", "Gather", "Unsqueeze", "Squeeze", "Cast", "Identity"),
}


@dataclass(frozen=True)
class SplitModel:
    """Both halves of a voice. The encoder's outputs are the decoder's inputs, by name and order."""

    encoder: onnx.ModelProto
    decoder: onnx.ModelProto
    split_point: SplitPoint


def split_model(model: onnx.ModelProto) -> SplitModel:
    """Split the model of a voice at the point in its metadata, or else where its structure allows.

    Raises UnsupportedGraph.
    """
    voice = VoiceGraph(model)
    split_point, index = _read_split_point(model) or find_split_point(voice), voice.index
    tensors = split_point.tensors
    producers = {index.producer[name] for name in tensors if name in index.producer}
    if len(producers) != len(tensors):
        raise UnsupportedGraph("the tensors of its split point do not exist")
    decoder = _decoder_half(model, index, tensors)
    shared = {entry.name for entry in model.graph.input} & {entry.name for entry in decoder.graph.input}
    if shared:
        raise UnsupportedGraph(f"flow and decoder read the input {', '.join(sorted(shared))}")
    encoder = _extract(model, index, index.ancestors(producers), tensors)
    write_split_point(encoder, split_point)
    return SplitModel(encoder, decoder, split_point)


def with_decoder(halves: SplitModel, decoder: onnx.ModelProto, field: ReceptiveField) -> SplitModel:
    """Return both halves of a voice with another decoder half, which has this receptive field, in frames."""
    encoder = onnx.ModelProto()
    encoder.CopyFrom(halves.encoder)
    split_point = replace(halves.split_point, receptive_field=field.samples, hop_length=field.rate)
    write_split_point(encoder, split_point)
    return SplitModel(encoder, decoder, split_point)


def write_split_point(model: onnx.ModelProto, split_point: SplitPoint) -> None:
    """Write the split point into the metadata, replacing an existing one."""
    kept = [entry for entry in model.metadata_props if entry.key != METADATA_KEY]
    del model.metadata_props[:]
    entry = onnx.StringStringEntryProto(key=METADATA_KEY, value=split_point.to_text())
    model.metadata_props.extend([*kept, entry])


def _read_split_point(model: onnx.ModelProto) -> SplitPoint | None:
    text = next((entry.value for entry in model.metadata_props if entry.key == METADATA_KEY), None)
    try:
        return SplitPoint.from_text(text) if text else None
    except ValueError as error:
        raise UnsupportedGraph(f"its split point cannot be read: {error}") from error


def find_split_point(voice: VoiceGraph) -> SplitPoint:
    """Find the split point of a voice that was not rewritten, by structure. Raises UnsupportedGraph."""
    model, index, topology = voice.model, voice.index, voice.topology
    if topology is None:
        raise UnsupportedGraph(voice.unsupported)
    tensors = _tensors_into(index, set(topology.flow.positions | topology.decoder.positions))
    latent = topology.latent
    if latent not in tensors:
        raise UnsupportedGraph("the flow does not start with the latent")
    encoder = _extract(model, index, index.ancestors({index.producer[name] for name in tensors}), tensors)
    shapes = _output_shapes(encoder)
    masks = [name for name in tensors if shapes[name] == (1, 1, shapes[latent][2])]
    speakers = [name for name in tensors if name not in (latent, *masks) and shapes[name][2:] == (1,)]
    if len(masks) != 1 or len(speakers) > 1 or len(tensors) != 2 + len(speakers):
        raise UnsupportedGraph(f"flow and decoder read more than latent, mask and speaker: {', '.join(tensors)}")
    decoder = _decoder_half(model, index, [latent, *masks, *speakers])
    audio = decoder.graph.output[0].name
    field = receptive_field(decoder, audio)
    return SplitPoint(
        latent=latent,
        mask=masks[0],
        speaker=speakers[0] if speakers else None,
        channels=shapes[latent][1],
        speaker_channels=shapes[speakers[0]][1] if speakers else 0,
        receptive_field=field.samples,
        hop_length=field.rate,
        flow_output=topology.decoder_input,
        decoder_field=receptive_field(decoder, audio, topology.decoder_input).samples,
    )


def _decoder_half(model: onnx.ModelProto, index: GraphIndex, tensors: list[str]) -> onnx.ModelProto:
    """Return the model that computes the audio from these tensors."""
    output = model.graph.output[0].name
    decoder = _extract(model, index, index.ancestors([index.producer[output]], up_to=tensors), [output])
    decoder.graph.output[0].type.tensor_type.elem_type = model.graph.output[0].type.tensor_type.elem_type
    decoder.graph.input.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, None, None)) for name in tensors
    )
    return decoder


def _tensors_into(index: GraphIndex, positions: set[int]) -> list[str]:
    """Return the tensors that these nodes read and other nodes produce."""
    names = [name for position in sorted(positions) for name in inputs_of(index.nodes[position])]
    produced = [name for name in names if name in index.producer]
    return list(dict.fromkeys(name for name in produced if index.producer[name] not in positions))


def _extract(model: onnx.ModelProto, index: GraphIndex, positions: set[int], outputs: list[str]) -> onnx.ModelProto:
    """Return a model of these nodes with the inputs of the whole that they read."""
    nodes = [index.nodes[position] for position in sorted(positions)]
    read = {name for node in nodes for name in inputs_of(node)}
    graph = helper.make_graph(
        nodes,
        model.graph.name,
        [entry for entry in model.graph.input if entry.name in read],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        list(model.graph.initializer),
    )
    drop_unused_initializers(graph)
    half = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    half.metadata_props.extend(model.metadata_props)
    return half


def _output_shapes(encoder: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Run the encoder half on a short sentence, and return the shapes of its outputs."""
    session = PiperSession(encoder.SerializeToString())
    return {name: values.shape for name, values in zip(session.outputs, session.run(_IDS), strict=True)}


def split_decoder_half(halves: SplitModel) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """Split the decoder half behind its flow, and return flow and decoder. Raises UnsupportedGraph."""
    half, boundary = halves.decoder, halves.split_point.flow_output
    index, audio = GraphIndex(half.graph), half.graph.output[0].name
    if boundary is None or boundary not in index.producer:
        raise UnsupportedGraph("it has no mark between flow and decoder")
    flow = _extract(half, index, index.ancestors([index.producer[boundary]]), [boundary])
    decoder = _extract(half, index, index.ancestors([index.producer[audio]], up_to=[boundary]), [audio])
    decoder.graph.input.append(helper.make_tensor_value_info(boundary, TensorProto.FLOAT, (1, None, None)))
    return flow, decoder


def receptive_field(decoder: onnx.ModelProto, tensor: str, start: str | None = None) -> ReceptiveField:
    """Return the receptive field of a tensor of a decoder half, in frames of its inputs, or of the tensor `start`.

    Raises UnsupportedGraph.
    """
    weights = {tensor.name: tensor.dims for tensor in decoder.graph.initializer}
    fields = {entry.name: ReceptiveField() for entry in decoder.graph.input}
    for node in decoder.graph.node:
        if start in node.output:
            fields = {name: ReceptiveField() for name in (*fields, start)}
            continue
        if node.op_type not in {"Conv", "ConvTranspose", *_POINTWISE}:
            raise UnsupportedGraph(f"the receptive field of {node.op_type} is not known")
        field = reduce(ReceptiveField.merged, [fields[name] for name in node.input if name in fields], ReceptiveField())
        if node.op_type in ("Conv", "ConvTranspose"):
            if node.input[1] not in weights:
                raise UnsupportedGraph(f"the weights of {node.name or node.op_type} are not initializers")
            taps, attributes = weights[node.input[1]][2], attributes_of(node)
            if node.op_type == "Conv":
                field = field.convolved(taps, attributes.get("dilations", [1])[0])
            else:
                field = field.upsampled(taps, attributes["strides"][0])
        fields.update(dict.fromkeys(node.output, field))
    return fields[tensor]
