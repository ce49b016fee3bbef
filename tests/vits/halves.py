"""The two models that Piper's streaming export writes: encoder.onnx and decoder.onnx."""

import json
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from core.vits.split import split_model
from tests.vits.shape import TINY, VitsShape
from tests.vits.voice import build_model, voice_config

_NAMES = ("z", "y_mask", "g")


def write_halves(folder: Path, shape: VitsShape = TINY, config: str = "config.json") -> Path:
    """Write encoder.onnx, decoder.onnx and their configuration. Returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder, decoder = build_halves(shape)
    onnx.save(encoder, folder / "encoder.onnx")
    onnx.save(decoder, folder / "decoder.onnx")
    (folder / config).write_text(json.dumps(voice_config(shape)), encoding="utf-8")
    return folder


def build_halves(shape: VitsShape) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """Return both halves of a voice, with the names and shapes of the export: the audio of the decoder has three axes."""
    halves = split_model(build_model(shape))
    encoder, decoder, names = halves.encoder, halves.decoder, {}
    names = dict(zip(halves.split_point.tensors, _NAMES, strict=False))
    for graph in (encoder.graph, decoder.graph):
        for node in graph.node:
            for entries in (node.input, node.output):
                for number, name in enumerate(entries):
                    entries[number] = names.get(name, name)
    shapes = {
        "z": ["batch_size", shape.latent, "time"],
        "y_mask": ["batch_size", 1, "time"],
        "g": [1, shape.speaker_channels, 1],
    }
    crossing = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in names.values()]
    for half, entries in ((encoder, encoder.graph.output), (decoder, decoder.graph.input)):
        del entries[:]
        entries.extend(crossing)
        del half.metadata_props[:]
    # The plain export unsqueezes the audio, the streaming export does not.
    unsqueeze = decoder.graph.node.pop()
    decoder.graph.node[-1].output[0] = decoder.graph.output[0].name
    assert unsqueeze.op_type == "Unsqueeze"
    decoder.graph.output[0].CopyFrom(
        helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch_size", "time", "samples"])
    )
    return encoder, decoder
