"""`core.graph.normalize` puts every form of a voice's graph into the one that recipes know, with the same sound."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from core.engines.ort import OrtVoice
from core.graph.constant_folding import fold_constants
from core.graph.normalize import normalize, read_source
from core.graph.precision import has_half_precision
from core.voices.file import read_voice
from tests.core.refusals import refusal
from tests.vits import MULTI_SPEAKER, TINY, VitsShape, build_model, write_voice
from tests.vits.forms import EXACT, ROUNDED

IDS = [1, *range(14, 50), 2]
# The operators that recipes look for.
LANDMARKS = "Conv", "ConvTranspose", "LeakyRelu", "Softplus", "Softmax", "Ceil", "RandomNormalLike", "Tanh"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """The operators of the voice as Piper exports it, with constants folded."""
    return operators(fold_constants(write_voice(tmp_path_factory.mktemp("plain"))))


def operators(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def write_form(folder: Path, name: str) -> Path:
    path = write_voice(folder)
    onnx.save((EXACT | ROUNDED)[name](build_model(TINY)), path)
    return path


@pytest.mark.parametrize("shape", [TINY, MULTI_SPEAKER], ids=["one speaker", "four speakers"])
def test_a_voice_as_piper_exports_it_is_not_changed(shape: VitsShape) -> None:
    assert normalize(build_model(shape)) == build_model(shape)


@pytest.mark.parametrize("name", EXACT | ROUNDED)
def test_every_form_of_a_voice_is_recognized_and_keeps_its_sound(
    name: str, plain: Counter[str], tmp_path: Path
) -> None:
    path = write_form(tmp_path, name)
    assert "unrecognised" not in read_voice(path).anatomy
    folded = fold_constants(path)
    assert {op_type: operators(folded)[op_type] for op_type in LANDMARKS} == {
        op_type: plain[op_type] for op_type in LANDMARKS
    }
    assert not has_half_precision(folded)
    assert {entry.domain for entry in folded.opset_import} <= {"", "com.microsoft"}
    before, after = OrtVoice(path, 1).synthesize(IDS), OrtVoice(folded.SerializeToString(), 1).synthesize(IDS)
    if name == "half precision":
        # It rounds after each operator, so that a sound may end a frame earlier or later.
        assert len(after) == pytest.approx(len(before), rel=0.02)
    else:
        np.testing.assert_allclose(after, before, atol=2e-5)


@pytest.mark.parametrize("name", ["weights as inputs", "constant nodes", "idle imports", "a spelled-out domain"])
def test_what_differs_in_form_only_becomes_the_same_model(name: str, tmp_path: Path) -> None:
    expected = build_model(TINY)
    made = read_source(write_form(tmp_path, name))
    assert made.graph.node == expected.graph.node
    assert made.graph.input == expected.graph.input
    assert made.opset_import == expected.opset_import
    weights = {tensor.name: tensor for tensor in made.graph.initializer}
    assert weights == {tensor.name: tensor for tensor in expected.graph.initializer}


def test_the_summary_describes_the_file_as_it_is(tmp_path: Path) -> None:
    anatomy = read_voice(write_form(tmp_path, "opset 12")).anatomy
    assert (anatomy["opset"], anatomy["nodes"]) == (12, len(build_model(TINY).graph.node))


def test_metadata_and_names_survive(tmp_path: Path) -> None:
    made = fold_constants(write_form(tmp_path, "notes"))
    assert {entry.key: entry.value for entry in made.metadata_props} == {"language": "English", "comment": "piper"}
    assert [entry.name for entry in made.graph.input] == ["input", "input_lengths", "scales"]
    assert [entry.name for entry in made.graph.output] == ["output"]


def test_a_damaged_graph_is_read_but_not_recognized_and_no_recipe_takes_it(tmp_path: Path) -> None:
    path, model = write_voice(tmp_path), EXACT["sparse weights"](build_model(TINY))
    model.graph.sparse_initializer[0].indices.CopyFrom(helper.make_tensor("", TensorProto.INT64, [1], [10**9]))
    onnx.save(model, path)
    assert "cannot be put into standard form" in read_voice(path).anatomy["unrecognised"]
    assert "cannot be optimized: its graph cannot be" in refusal(fold_constants, path, names=path)


@pytest.mark.parametrize(
    ("activation", "params", "expected"),
    [
        ("Relu", [], {}),
        ("Tanh", [], {}),
        ("LeakyRelu", [0.25], {"alpha": 0.25}),
        ("HardSigmoid", [0.25, 0.5], {"alpha": 0.25, "beta": 0.5}),
    ],
)
def test_a_fused_convolution_is_split_into_what_it_computes(
    activation: str, params: list[float], expected: dict[str, float]
) -> None:
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1, 1, 3], [1.0, 2.0, 3.0])
    fused = helper.make_node(
        "FusedConv", ["x", "w", "", "z"], ["y"], domain="com.microsoft", activation=activation, pads=[1, 1]
    )
    if params:
        fused.attribute.append(helper.make_attribute("activation_params", params))
    graph = helper.make_graph(
        [fused],
        "fused",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 4]) for name in "xz"],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 4])],
        [weight],
    )
    imports = [helper.make_opsetid("", 15), helper.make_opsetid("com.microsoft", 1)]
    made = normalize(helper.make_model(graph, opset_imports=imports, ir_version=8))
    assert [node.op_type for node in made.graph.node] == ["Conv", "Add", activation]
    assert {entry.name: entry.f for entry in made.graph.node[-1].attribute} == expected
    assert [entry.domain for entry in made.opset_import] == [""]
    onnx.checker.check_model(made)
