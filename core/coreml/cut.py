"""Cuts a voice in two in front of its flow.

The front (text encoder, durations, noise) has lengths that depend on what is said, which Core ML cannot compute: it stays
in ONNX Runtime. The body (flow and decoder) works on frames, any number of them, and takes most of the time.
"""

import math
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from core.graph.anatomy import NotRecognised, dissect
from core.graph.index import GraphIndex, drop_unused_initializers, inputs_of

# Enough for any voice to say something: pause, begin and end.
_IDS = [1, 0, 1, 0, 2]


@dataclass(frozen=True)
class Cut:
    """Both halves. The front's outputs are the body's inputs, by name and order."""

    front: onnx.ModelProto
    body: onnx.ModelProto
    latent: str
    """[1, channels, frames]"""
    mask: str
    """[1, 1, frames], 1 inside the sentence"""
    speaker: str | None
    """[1, speaker_channels, 1], of a voice with several speakers"""
    channels: int
    speaker_channels: int
    reach: int
    """How many frames to either side of its own a sample depends on."""
    hop: int
    """Samples a frame."""


def cut(model: onnx.ModelProto) -> Cut:
    """Raises NotRecognised."""
    anatomy = dissect(model)
    index = GraphIndex(model.graph)
    behind = set(anatomy.part("flow").positions | anatomy.part("decoder").positions)
    crossing = _crossing(index, behind)
    if anatomy.latent not in crossing:
        raise NotRecognised("the flow does not start with the latent")
    front = _half(model, index, index.ancestors({index.producer[name] for name in crossing}), crossing)
    shapes = _shapes(front)
    frames = shapes[anatomy.latent][2]
    masks = [name for name in crossing if shapes[name] == (1, 1, frames)]
    speakers = [name for name in crossing if name not in (anatomy.latent, *masks) and shapes[name][2:] == (1,)]
    if len(masks) != 1 or len(speakers) > 1 or len(crossing) != 2 + len(speakers):
        raise NotRecognised(f"what enters flow and decoder is not latent, mask and speaker: {', '.join(crossing)}")
    crossing = [anatomy.latent, *masks, *speakers]
    body = _half(model, index, behind, [model.graph.output[0].name])
    body.graph.input.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, None, None)) for name in crossing
    )
    reach, hop = _reach(body)
    return Cut(
        front=_half(model, index, index.ancestors({index.producer[name] for name in crossing}), crossing),
        body=body,
        latent=anatomy.latent,
        mask=masks[0],
        speaker=speakers[0] if speakers else None,
        channels=shapes[anatomy.latent][1],
        speaker_channels=shapes[speakers[0]][1] if speakers else 0,
        reach=reach,
        hop=hop,
    )


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
    session = onnxruntime.InferenceSession(front.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {
        "input": np.array([_IDS]),
        "input_lengths": np.array([len(_IDS)]),
        "scales": np.array([0.0, 1.0, 0.0], np.float32),
        "sid": np.array([0]),
    }
    given = session.run(None, {entry.name: feeds[entry.name] for entry in session.get_inputs()})
    return {entry.name: value.shape for entry, value in zip(session.get_outputs(), given, strict=True)}


def _reach(body: onnx.ModelProto) -> tuple[int, int]:
    """How many frames a sample depends on to either side, and how many samples a frame has."""
    weights = {tensor.name: tensor.dims for tensor in body.graph.initializer}
    seen = {entry.name: (0.0, 1) for entry in body.graph.input}
    for node in body.graph.node:
        reach, rate = map(max, zip(*(seen[name] for name in node.input if name in seen), strict=True))
        if node.op_type in ("Conv", "ConvTranspose"):
            attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
            taps = weights[node.input[1]][2]
            if node.op_type == "Conv":
                reach += attributes.get("dilations", [1])[0] * (taps - 1) / 2 / rate
            else:
                stride = attributes["strides"][0]
                reach += math.ceil(taps / stride) / rate
                rate *= stride
        seen.update((name, (reach, rate)) for name in node.output)
    reach, rate = seen[body.graph.output[0].name]
    return math.ceil(reach), rate
