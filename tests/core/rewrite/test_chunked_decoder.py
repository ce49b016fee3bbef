"""The rewritten decoder: the same numbers for every build, chunk length and sentence length."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from core.engines.ort import OrtVoice
from core.graph.constant_folding import fold_constants
from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex
from core.rewrite.chunked_decoder import Chunking, OwnTail, fp32_kernel, rewrite_decoder
from core.rewrite.equivalence import max_difference
from core.vits.hifigan import read_decoder
from core.vits.voice_graph import VoiceGraph
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, build_model, voice_config, write_voice

SHAPES = [TINY, HIGH, X_LOW, MULTI_SPEAKER]
NAMES = ["medium", "high", "x_low", "multi-speaker"]
# A decoder whose only stage runs in front of the loop.
ONE_STAGE = VitsShape(upsample_rates=(8,), upsample_kernels=(16,))
ODD_KERNEL = VitsShape(upsample_rates=(8, 4), upsample_kernels=(16, 4))


def saved(model: onnx.ModelProto, folder: Path, name: str) -> OrtVoice:
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    return OrtVoice(path, threads=1)


@pytest.mark.parametrize(
    "chunking", [Chunking(), Chunking(16, 2), Chunking(7, 3), Chunking(1, 2), Chunking(1000, 1)], ids=str
)
@pytest.mark.parametrize("shape", [*SHAPES, ONE_STAGE, ODD_KERNEL], ids=[*NAMES, "one stage", "odd kernel"])
def test_a_rewritten_voice_produces_the_same_samples(shape: VitsShape, chunking: Chunking, tmp_path: Path) -> None:
    model = build_model(shape)
    rewritten = rewrite_decoder(VoiceGraph(model), chunking)
    onnx.checker.check_model(rewritten)
    before, after = saved(model, tmp_path, "before"), saved(rewritten, tmp_path, "after")
    assert max_difference(before, after, voice_config(shape), lengths=(1, 5, 60)) < 1e-6


@pytest.mark.parametrize("shape", SHAPES, ids=NAMES)
def test_the_decoder_is_read_with_its_shapes_and_dilations(shape: VitsShape) -> None:
    decoder = read_decoder(GraphIndex(build_model(shape).graph))
    assert [stage.upsampler.rate for stage in decoder.stages] == list(shape.upsample_rates)
    assert [stage.upsampler.weight.shape[2] for stage in decoder.stages] == list(shape.upsample_kernels)
    for stage in decoder.stages:
        kernels = [block[0][0].weight.shape[2] for block in stage.blocks]
        assert kernels == list(shape.resblock_kernels)
        dilations = [tuple(step[0].dilation for step in block) for block in stage.blocks]
        assert dilations == list(shape.resblock_dilations)
        assert {len(step) for block in stage.blocks for step in block} == {1 if shape.resblock == 2 else 2}
        assert stage.divisor == 3


def test_the_overlap_is_the_receptive_field() -> None:
    """Computed by hand for the medium build: (2 + 45 / 8 + 2 / 8 + 45 / 32 + 3 / 32) samples of the first stage."""
    decoder = read_decoder(GraphIndex(build_model(TINY).graph))
    assert OwnTail(decoder, fp32_kernel).field.samples == 10


def test_a_batch_of_two_sentences_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "after.onnx"
    onnx.save(rewrite_decoder(VoiceGraph(build_model(TINY)), Chunking()), path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {
        "input": np.ones((2, 5), np.int64),
        "input_lengths": np.array([5, 5], np.int64),
        "scales": np.array([0, 1, 0], np.float32),
    }
    with pytest.raises(Exception, match="invalid dimensions"):
        session.run(None, feeds)


def test_inputs_outputs_and_operator_domains_do_not_change(tmp_path: Path) -> None:
    model = build_model(MULTI_SPEAKER)
    made = rewrite_decoder(VoiceGraph(model), Chunking())
    assert [entry.name for entry in made.graph.input] == [entry.name for entry in model.graph.input]
    assert [entry.name for entry in made.graph.output] == [entry.name for entry in model.graph.output]
    assert {node.domain for node in made.graph.node} == {""}
    assert list(made.opset_import) == list(model.opset_import)


def test_constant_folding_keeps_numbers_noise_and_header(tmp_path: Path) -> None:
    path = write_voice(tmp_path)
    folded = fold_constants(path)
    assert len(folded.graph.node) < len(build_model(TINY).graph.node)
    assert [node.op_type for node in folded.graph.node].count("RandomNormalLike") == 2
    assert folded.producer_name == "pytorch"
    assert {entry.domain for entry in folded.opset_import} == {""}
    assert max_difference(OrtVoice(path), saved(folded, tmp_path, "folded"), voice_config(TINY)) < 1e-6


def _without_division(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        if node.op_type == "Div" and "/dec/" in node.name:
            node.op_type = "Mul"


def _stage_that_adds_something_else(model: onnx.ModelProto) -> None:
    add = next(node for node in model.graph.node if node.op_type == "Add" and "/dec/resblocks" in node.name)
    add.input[1] = add.input[0]


def _old(model: onnx.ModelProto) -> None:
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", 12))


@pytest.mark.parametrize("change", [_without_division, _stage_that_adds_something_else, _old])
def test_a_decoder_with_another_structure_is_not_rewritten(change: object, tmp_path: Path) -> None:
    model = build_model(TINY)
    change(model)  # type: ignore[operator]
    with pytest.raises(UnsupportedGraph):
        rewrite_decoder(VoiceGraph(model), Chunking())


def test_different_voices_differ(tmp_path: Path) -> None:
    first, second = OrtVoice(write_voice(tmp_path, TINY, "a")), OrtVoice(write_voice(tmp_path, X_LOW, "b"))
    assert max_difference(first, first, voice_config(X_LOW)) == 0
    assert max_difference(first, second, voice_config(X_LOW)) > 1e-3
