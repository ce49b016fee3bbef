"""Assembles the components, and writes a voice to disk."""

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import onnx
from onnx import helper
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

from tests.vits.alignment import align
from tests.vits.builder import FLOAT, INT64, OPSET, Builder
from tests.vits.decoder import decoder
from tests.vits.duration import durations
from tests.vits.flow import flow
from tests.vits.shape import TINY, VitsShape
from tests.vits.text import text_encoder


def build_model(shape: VitsShape) -> onnx.ModelProto:
    """Return the model of a voice; the same shape has the same bytes."""
    return onnx.ModelProto.FromString(_serialized(shape))


def write_voice(folder: Path, shape: VitsShape = TINY, name: str = "tiny") -> Path:
    """Write NAME.onnx and NAME.onnx.json. Returns the path of the model."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    path.write_bytes(_serialized(shape))
    path.with_name(f"{name}.onnx.json").write_text(json.dumps(voice_config(shape)), encoding="utf-8")
    return path


def voice_config(shape: VitsShape) -> dict[str, Any]:
    """Return the configuration that Piper's training writes for a voice of this shape."""
    return {
        "audio": {"sample_rate": shape.sample_rate, "quality": shape.quality},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_map": {},
        "phoneme_id_map": {phoneme: list(ids) for phoneme, ids in DEFAULT_PHONEME_ID_MAP.items()},
        "num_symbols": shape.symbols,
        "num_speakers": shape.speakers,
        "speaker_id_map": {f"speaker {number}": number for number in range(shape.speakers) if shape.speakers > 1},
        "piper_version": "1.0.0",
        "language": {"code": "en_US", "family": "en", "region": "US", "name_english": "English"},
        "dataset": "tiny",
    }


@cache
def _serialized(shape: VitsShape) -> bytes:
    b = Builder(shape.seed)
    noise, length, duration_noise = (b.op("Gather", "scales", b.int(entry), axis=0) for entry in range(3))
    text = text_encoder(b, shape)
    speaker = _speaker(b, shape) if shape.speakers > 1 else None
    frames = durations(b, shape, text, speaker, duration_noise, length)
    aligned = align(b, text, frames, noise)
    audio = decoder(b, shape, flow(b, shape, aligned, speaker), speaker)
    b.nodes.append(helper.make_node("Unsqueeze", [audio, b.ints(1)], ["output"], name="/Unsqueeze_output"))
    model = helper.make_model(
        helper.make_graph(b.nodes, "main_graph", _inputs(shape), _outputs(), list(b.initializers.values())),
        producer_name="pytorch",
        producer_version="2.0.0",
        ir_version=8,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    return model.SerializeToString()


def _speaker(b: Builder, shape: VitsShape) -> str:
    """Return the speaker's embedding, [batch, channels, 1]."""
    width = shape.speaker_channels
    table = b.weight("emb_g.weight", shape.speakers, width, gain=math.sqrt(width))
    return b.op("Unsqueeze", b.op("Gather", table, "sid"), b.ints(-1))


def _inputs(shape: VitsShape) -> list[onnx.ValueInfoProto]:
    inputs = [
        helper.make_tensor_value_info("input", INT64, ["batch_size", "phonemes"]),
        helper.make_tensor_value_info("input_lengths", INT64, ["batch_size"]),
        helper.make_tensor_value_info("scales", FLOAT, [3]),
    ]
    if shape.speakers > 1:
        inputs.append(helper.make_tensor_value_info("sid", INT64, ["batch_size"]))
    return inputs


def _outputs() -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info("output", FLOAT, ["batch_size", 1, 1, "time"])]
