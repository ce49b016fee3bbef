"""`core.vits.halves` recognizes the halves of a streaming export, and joins them."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import helper

from core.engines.ort import OrtVoice
from core.graph.errors import UnsupportedGraph
from core.vits.halves import Half, half_of, join_halves
from tests.vits import HIGH, MULTI_SPEAKER, TINY, VitsShape, build_model
from tests.vits.halves import build_halves

IDS = [1, *range(14, 50), 2]
SHAPES = {"medium": TINY, "high": HIGH, "four speakers": MULTI_SPEAKER}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


@each_shape
def test_halves_are_recognized_and_whole_voices_are_not_halves(shape: VitsShape) -> None:
    assert [half_of(half) for half in build_halves(shape)] == [Half.ENCODER, Half.DECODER]
    assert half_of(build_model(shape)) is None


def _with_durations(model: onnx.ModelProto) -> None:
    """As newer exports of whole voices do: the durations as a second output."""
    ceil = next(node for node in model.graph.node if node.op_type == "Ceil")
    model.graph.output.append(helper.make_tensor_value_info(ceil.output[0], 1, ["batch_size", 1, "phonemes"]))


def _without_upsampling(model: onnx.ModelProto) -> None:
    """As a decoder of another kind: no transposed convolution."""
    for node in model.graph.node:
        if node.op_type == "ConvTranspose":
            node.op_type = "Upsampler"
    _with_durations(model)


@pytest.mark.parametrize("change", [_with_durations, _without_upsampling])
def test_a_whole_voice_of_another_kind_is_not_taken_for_a_half(change: Callable[[onnx.ModelProto], None]) -> None:
    model = build_model(TINY)
    change(model)
    assert half_of(model) is None


@each_shape
def test_joined_halves_are_the_whole_voice(shape: VitsShape) -> None:
    whole, joined = build_model(shape), join_halves(*build_halves(shape))
    assert joined.graph.input == whole.graph.input
    assert [entry.name for entry in joined.graph.output] == ["output"]
    onnx.checker.check_model(joined)
    speaker = shape.speakers - 1
    first, second = (
        OrtVoice(model.SerializeToString(), 1).synthesize(IDS, speaker=speaker) for model in (whole, joined)
    )
    np.testing.assert_allclose(second, first, atol=2e-5)


def test_halves_that_do_not_fit_are_not_joined() -> None:
    encoder, decoder = build_halves(TINY)
    with pytest.raises(UnsupportedGraph, match="does not compute"):
        join_halves(encoder, build_halves(MULTI_SPEAKER)[1])
    decoder.opset_import[0].version = 17
    with pytest.raises(UnsupportedGraph, match=r"different versions of one operator set \(15 and 17\)"):
        join_halves(encoder, decoder)


def test_names_that_both_halves_use_do_not_collide() -> None:
    encoder, decoder = build_halves(TINY)
    for half in (encoder, decoder):
        old = half.graph.node[0].output[0]
        for node in half.graph.node:
            for names in (node.input, node.output):
                for number, name in enumerate(names):
                    names[number] = "/shared" if name == old else name
    OrtVoice(join_halves(encoder, decoder).SerializeToString(), 1).synthesize(IDS)
