"""Cuts a voice in two in front of its flow.

The front (text encoder, durations, noise) has lengths that depend on what is said, which Core ML cannot compute: it stays
in ONNX Runtime. The body (flow and decoder) works on frames, any number of them, and takes most of the time.

A graph whose flow or decoder is rewritten cannot be dissected any more: before that its cut is marked in its metadata.
"""

from dataclasses import dataclass
from functools import reduce

import onnx
from onnx import TensorProto, helper

from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex, attributes_of, drop_unused_initializers, inputs_of
from core.vits.piper_session import PiperSession
from core.vits.receptive_field import ReceptiveField
from core.vits.split_point import MARK, Seam
from core.vits.voice_graph import VoiceGraph

# Enough for any voice to say something: pause, begin and end.
_IDS = [1, 0, 1, 0, 2]
# Of those without weights that look at no other frame than their own.
_POINTWISE = {
    *("Add", "Sub", "Mul", "Div", "Neg", "Exp", "Tanh", "Sigmoid", "LeakyRelu", "Split", "Slice", "Concat"),
    *("Shape", "ConstantOfShape", "Constant", "Gather", "Unsqueeze", "Squeeze", "Cast", "Identity"),
}


@dataclass(frozen=True)
class Cut:
    """Both halves. The front's outputs are the body's inputs, by name and order."""

    front: onnx.ModelProto
    body: onnx.ModelProto
    seam: Seam


def cut(model: onnx.ModelProto) -> Cut:
    """Cut the model of a voice. Raises NotRecognised."""
    voice = VoiceGraph(model)
    seam, index = _marked(model) or find_seam(voice), voice.index
    makers = {index.producer[name] for name in seam.crossing if name in index.producer}
    if len(makers) != len(seam.crossing):
        raise UnsupportedGraph("what is marked as the cut is not there")
    body = _body(model, index, seam.crossing)
    fed = {entry.name for entry in model.graph.input} & {entry.name for entry in body.graph.input}
    if fed:
        raise UnsupportedGraph(f"flow and decoder read the input {', '.join(sorted(fed))}")
    front = _half(model, index, index.ancestors(makers), seam.crossing)
    mark(front, seam)
    return Cut(front, body, seam)


def mark(model: onnx.ModelProto, seam: Seam) -> None:
    """Write the seam into the metadata, in the place of what stood there."""
    kept = [entry for entry in model.metadata_props if entry.key != MARK]
    del model.metadata_props[:]
    model.metadata_props.extend([*kept, onnx.StringStringEntryProto(key=MARK, value=seam.to_text())])


def _marked(model: onnx.ModelProto) -> Seam | None:
    text = next((entry.value for entry in model.metadata_props if entry.key == MARK), None)
    try:
        return Seam.from_text(text) if text else None
    except ValueError as error:
        raise UnsupportedGraph(f"the mark of the cut cannot be read: {error}") from error


def find_seam(voice: VoiceGraph) -> Seam:
    """The seam of a voice that is not rewritten, by its structure. Raises NotRecognised."""
    model, index, topology = voice.model, voice.index, voice.topology
    if topology is None:
        raise UnsupportedGraph(voice.unsupported)
    behind = set(topology.flow.positions | topology.decoder.positions)
    crossing = _crossing(index, behind)
    latent = topology.latent
    if latent not in crossing:
        raise UnsupportedGraph("the flow does not start with the latent")
    front = _half(model, index, index.ancestors({index.producer[name] for name in crossing}), crossing)
    shapes = _shapes(front)
    masks = [name for name in crossing if shapes[name] == (1, 1, shapes[latent][2])]
    speakers = [name for name in crossing if name not in (latent, *masks) and shapes[name][2:] == (1,)]
    if len(masks) != 1 or len(speakers) > 1 or len(crossing) != 2 + len(speakers):
        raise UnsupportedGraph(f"what enters flow and decoder is not latent, mask and speaker: {', '.join(crossing)}")
    field = _receptive_field(_body(model, index, [latent, *masks, *speakers]))
    return Seam(
        latent=latent,
        mask=masks[0],
        speaker=speakers[0] if speakers else None,
        channels=shapes[latent][1],
        speaker_channels=shapes[speakers[0]][1] if speakers else 0,
        reach=field.reach,
        hop=field.rate,
    )


def _body(model: onnx.ModelProto, index: GraphIndex, crossing: list[str]) -> onnx.ModelProto:
    """What makes the audio of the crossing tensors, which become its inputs."""
    output = model.graph.output[0].name
    body = _half(model, index, index.ancestors([index.producer[output]], up_to=crossing), [output])
    body.graph.input.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, None, None)) for name in crossing
    )
    return body


def _crossing(index: GraphIndex, behind: set[int]) -> list[str]:
    """What those nodes read that others make."""
    names = [name for position in sorted(behind) for name in inputs_of(index.nodes[position])]
    return list(dict.fromkeys(name for name in names if name in index.producer and index.producer[name] not in behind))


def _half(model: onnx.ModelProto, index: GraphIndex, positions: set[int], outputs: list[str]) -> onnx.ModelProto:
    """These nodes alone, with the inputs of the whole that they read."""
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


def _shapes(front: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """The shapes of what the front gives for a few phonemes."""
    session = PiperSession(front.SerializeToString())
    return {name: values.shape for name, values in zip(session.outputs, session.run(_IDS), strict=True)}


def _receptive_field(body: onnx.ModelProto) -> ReceptiveField:
    """The receptive field of the audio, in frames."""
    weights = {tensor.name: tensor.dims for tensor in body.graph.initializer}
    fields = {entry.name: ReceptiveField() for entry in body.graph.input}
    for node in body.graph.node:
        if node.op_type not in {"Conv", "ConvTranspose", *_POINTWISE}:
            raise UnsupportedGraph(f"how far {node.op_type} reaches is not known")
        field = reduce(ReceptiveField.merged, [fields[name] for name in node.input if name in fields], ReceptiveField())
        if node.op_type in ("Conv", "ConvTranspose"):
            if node.input[1] not in weights:
                raise UnsupportedGraph(f"the weights of {node.name or node.op_type} are not stored as they are")
            taps, attributes = weights[node.input[1]][2], attributes_of(node)
            if node.op_type == "Conv":
                field = field.convolved(taps, attributes.get("dilations", [1])[0])
            else:
                field = field.upsampled(taps, attributes["strides"][0])
        fields.update(dict.fromkeys(node.output, field))
    return fields[body.graph.output[0].name]
