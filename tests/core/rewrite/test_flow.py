"""The flow with its channels last: the same function, without transposing each convolution."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from core.engines.ort import OrtVoice
from core.graph.constant_folding import fold_constants
from core.graph.errors import UnsupportedGraph
from core.quantize.kernels.dynamic_int8 import convolve_standalone
from core.rewrite.equivalence import max_difference, subgraph_difference
from core.rewrite.flow import convolve, find_flow, rewrite_flow
from core.vits.coupling import inner_convolutions
from core.vits.voice_graph import VoiceGraph
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, build_model, voice_config, write_voice
from tests.vits.forms import EXACT

each_shape = pytest.mark.parametrize(
    "shape", [TINY, HIGH, X_LOW, MULTI_SPEAKER], ids=["medium", "high", "x_low", "multi-speaker"]
)


def folded(folder: Path, shape: VitsShape = TINY) -> VoiceGraph:
    return VoiceGraph(fold_constants(write_voice(folder, shape)))


def operators(model: onnx.ModelProto, prefix: str = "/flow_rows") -> list[str]:
    return [node.op_type for node in model.graph.node if node.name.startswith(prefix)]


@each_shape
def test_a_flow_with_its_channels_last_is_the_same_function(shape: VitsShape, tmp_path: Path) -> None:
    voice = folded(tmp_path, shape)
    flow = find_flow(voice)
    made = rewrite_flow(voice, flow, convolve)
    onnx.checker.check_model(made)
    assert subgraph_difference(voice.model, made, flow.subgraph) < 1e-4


def test_a_latent_of_an_operator_that_shape_inference_does_not_know_is_taken(tmp_path: Path) -> None:
    model = EXACT["saved at the extended level"](build_model(TINY))
    onnx.save(model, tmp_path / "saved.onnx")
    voice = VoiceGraph(fold_constants(tmp_path / "saved.onnx"))
    assert "FusedMatMul" in {node.op_type for node in voice.model.graph.node}
    flow = find_flow(voice)
    assert next(iter(flow.inputs.values())) == (1, TINY.latent, None)
    assert subgraph_difference(voice.model, rewrite_flow(voice, flow, convolve), flow.subgraph) < 1e-4


@each_shape
def test_a_voice_with_such_a_flow_speaks_the_same(shape: VitsShape, tmp_path: Path) -> None:
    path = write_voice(tmp_path, shape)
    voice = VoiceGraph(fold_constants(path))
    onnx.save(rewrite_flow(voice, find_flow(voice), convolve), tmp_path / "made.onnx")
    assert max_difference(OrtVoice(path), OrtVoice(tmp_path / "made.onnx"), voice_config(shape)) < 1e-4


def test_only_its_inputs_and_its_output_are_transposed(tmp_path: Path) -> None:
    voice = folded(tmp_path, MULTI_SPEAKER)
    flow = find_flow(voice)
    made = rewrite_flow(voice, flow, convolve)
    assert operators(made).count("Transpose") == len(flow.inputs)
    assert [node.op_type for node in made.graph.node if flow.output in node.output] == ["Transpose"]


def test_sums_with_zeros_and_products_with_ones_are_left_out(tmp_path: Path) -> None:
    voice = folded(tmp_path)
    before = [voice.index.nodes[position].op_type for position in find_flow(voice).positions]
    after = operators(rewrite_flow(voice, find_flow(voice), convolve))
    assert "ConstantOfShape" in before
    assert not {"ConstantOfShape", "Shape", "Exp", "Neg"} & set(after)
    assert after.count("Mul") < before.count("Mul")


def test_its_inner_convolutions_are_written_as_wanted(tmp_path: Path) -> None:
    voice = folded(tmp_path)
    assert voice.topology is not None
    inner = inner_convolutions(voice.index, voice.topology)
    after = operators(rewrite_flow(voice, find_flow(voice), convolve_standalone, inner))
    assert after.count("MatMulInteger") == len(inner)
    assert after.count("MatMul") == 2 * TINY.flow_couplings


def changed(voice: VoiceGraph, old: str, new: str) -> VoiceGraph:
    """Return the voice with other operators in its flow."""
    for position in find_flow(voice).positions:
        node = voice.index.nodes[position]
        if node.op_type == old:
            node.op_type = new
    return VoiceGraph(voice.model)


def along_time(voice: VoiceGraph) -> VoiceGraph:
    """Return the voice with channels and samples mixed up in its flow."""
    for position in find_flow(voice).positions:
        node = voice.index.nodes[position]
        for entry in node.attribute:
            if node.op_type == "Concat":
                entry.i = 2
    return VoiceGraph(voice.model)


def with_an_odd_constant(voice: VoiceGraph) -> VoiceGraph:
    """Return the voice with a factor for each sample in its flow, which is right for one length only."""
    voice.model.graph.initializer.append(numpy_helper.from_array(np.ones(7, np.float32), "odd"))
    node = next(
        voice.index.nodes[position]
        for position in find_flow(voice).positions
        if voice.index.nodes[position].op_type == "Mul"
    )
    node.input[1] = "odd"
    return VoiceGraph(voice.model)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda voice: changed(voice, "Tanh", "Relu"), "Relu in the flow"),
        (along_time, "Concat in the flow"),
        (with_an_odd_constant, "a flow with a constant of 1 axes"),
    ],
    ids=["another activation", "another axis", "an odd constant"],
)
def test_another_structure_is_left_alone(change: object, reason: str, tmp_path: Path) -> None:
    assert callable(change)
    voice = change(folded(tmp_path))
    with pytest.raises(UnsupportedGraph, match=reason):
        rewrite_flow(voice, find_flow(voice), convolve)


def test_a_flow_that_reads_a_tensor_of_unknown_shape_is_left_alone(tmp_path: Path) -> None:
    voice = folded(tmp_path)
    mask = list(find_flow(voice).inputs)[1]
    node = voice.index.nodes[voice.index.producer[mask]]
    voice.model.graph.node[voice.index.producer[mask]].output[0] = "known"
    reshaped = onnx.helper.make_node("Reshape", ["known", "any"], [mask])
    voice.model.graph.node.insert(voice.index.producer[mask] + 1, reshaped)
    voice.model.graph.input.append(onnx.helper.make_tensor_value_info("any", onnx.TensorProto.INT64, [None]))
    assert node.output[0] == "known"
    with pytest.raises(UnsupportedGraph, match=r"a flow that reads .*, whose shape is not"):
        find_flow(VoiceGraph(voice.model))
