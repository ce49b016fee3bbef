"""Every recipe on every build of a voice, and on files that are not voices or are quantized already."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.engines.ort import OrtVoice
from core.errors import InvalidInput, TtsdashError
from core.quantize.optimized import is_equivalent
from core.variants.recipes import GUIDE, RECIPES
from core.variants.variant_files import check_variant
from core.vits.split_point import METADATA_KEY
from core.voices.file import config_path_of, read_config
from core.voices.phonemes import random_phonemes
from tests.core.quantize.making import make
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, build_model, write_voice

# Wide enough that the first two stages of the decoder are computed in int8.
WIDE = {
    name: replace(shape, upsample_channels=192)
    for name, shape in (("medium", TINY), ("high", HIGH), ("x_low", X_LOW), ("multi-speaker", MULTI_SPEAKER))
}
FILES = [name for name, recipe in RECIPES.items() if recipe.job == "quantize"]
OURS = [name for name in FILES if name != GUIDE]
# Variants that several tests read are built once; other builds run as one group for each recipe.
pytestmark = pytest.mark.xdist_group("recipes")
QUANTIZING = [name for name in OURS if name != "optimized"]
IDS = [1, *range(14, 60), 2]


@pytest.fixture(scope="module", params=WIDE)
def build(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voice(tmp_path_factory.mktemp(request.param), WIDE[request.param])


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voice(tmp_path_factory.mktemp("medium"), WIDE["medium"])


@pytest.fixture(scope="module")
def medium_variant(medium: Path) -> Callable[[str], Path]:
    """The variant of the medium voice by recipe, built once."""

    @cache
    def made(recipe: str) -> Path:
        make(recipe, medium, medium.with_name(f"{recipe}.onnx"))
        return medium.with_name(f"{recipe}.onnx")

    return made


def signal_to_noise(original: Path, variant: Path) -> float:
    """The ratio in dB: infinite for equal audio, 0 if the lengths differ, which they may by 2 %."""
    a, b = (OrtVoice(path, threads=1).synthesize(IDS) for path in (original, variant))
    if a.shape != b.shape:
        assert len(b) == pytest.approx(len(a), rel=0.02)
        return 0.0
    noise = np.sum((a - b) ** 2)
    return float(10 * np.log10(np.sum(a**2) / noise)) if noise else math.inf


def operators(path: Path) -> set[str]:
    """The operators of all nodes, including those of a loop's body."""

    def of(graph: onnx.GraphProto) -> set[str]:
        inner = (attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g"))
        return {node.op_type for node in graph.node}.union(*map(of, inner))

    return of(onnx.load(path).graph)


MIN_SNR_DB = {"optimized": 100, "dynamic": 15, "static": 15, "prune": -10, "int4": 0, "guide": -30}


@pytest.mark.parametrize("recipe", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in FILES])
def test_every_recipe_builds_a_drop_in_replacement_of_every_build(recipe: str, build: Path, tmp_path: Path) -> None:
    made, log = tmp_path / "made.onnx", list[str]()
    make(recipe, build, made, log)
    config = read_config(config_path_of(build))
    config_path_of(made).write_text(json.dumps(config), encoding="utf-8")
    check_variant(build, made, config, log.append)

    before, after = (onnxruntime.InferenceSession(path) for path in (build, made))
    assert [entry.name for entry in after.get_inputs()] == [entry.name for entry in before.get_inputs()]
    assert [entry.name for entry in after.get_outputs()] == [entry.name for entry in before.get_outputs()]
    if recipe != GUIDE:
        added = after.get_modelmeta().custom_metadata_map.items() - before.get_modelmeta().custom_metadata_map.items()
        assert {name for name, _ in added} == {METADATA_KEY}
    assert signal_to_noise(build, made) >= MIN_SNR_DB[recipe]
    assert not any("left unchanged" in line for line in log), log
    shares = [float(line[:4]) for line in log if line[1:2] == "."]
    assert shares == sorted(shares)


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("dynamic", {"DynamicQuantizeLinear", "MatMulInteger"}),
        ("static", {"QuantizeLinear", "MatMulIntegerToFloat", "QLinearConv"}),
        ("int4", {"MatMulNBits", "MatMulInteger"}),
    ],
)
def test_int8_operators_are_where_they_pay(
    recipe: str, expected: set[str], medium: Path, medium_variant: Callable[[str], Path]
) -> None:
    assert operators(medium_variant(recipe)) >= expected
    assert medium_variant(recipe).stat().st_size < medium.stat().st_size * 0.7


@pytest.mark.parametrize("recipe", OURS)
def test_no_variant_uses_the_layout_of_a_particular_cpu(recipe: str, medium_variant: Callable[[str], Path]) -> None:
    made = onnx.load(medium_variant(recipe))
    domains = {node.domain for node in made.graph.node}
    assert domains == ({"", "com.microsoft"} if recipe in ("static", "int4") else {""})
    assert {entry.domain for entry in made.opset_import} >= domains


@pytest.mark.parametrize("recipe", OURS)
def test_a_batch_of_two_sentences_is_refused(recipe: str, medium_variant: Callable[[str], Path]) -> None:
    assert_refuses_batches(medium_variant(recipe))


def assert_refuses_batches(path: Path) -> None:
    session = onnxruntime.InferenceSession(path)
    feeds = {
        "input": np.ones((2, 5), np.int64),
        "input_lengths": np.array([5, 5], np.int64),
        "scales": np.array([0, 1, 0], np.float32),
    }
    with pytest.raises(Exception, match="invalid dimensions"):
        session.run(None, feeds)


@pytest.mark.parametrize("recipe", QUANTIZING)
def test_the_same_recipe_builds_the_same_file(
    recipe: str, medium: Path, medium_variant: Callable[[str], Path], tmp_path: Path
) -> None:
    make(recipe, medium, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == medium_variant(recipe).read_bytes()


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_quantized_voice_is_not_quantized_again(recipe: str, medium: Path, tmp_path: Path) -> None:
    quantized = tmp_path / "quantized.onnx"
    make(GUIDE, medium, quantized)
    config_path_of(quantized).write_bytes(config_path_of(medium).read_bytes())
    with pytest.raises(InvalidInput, match=r"quantized\.onnx is already quantized"):
        make(recipe, quantized, tmp_path / "made.onnx")


def _weights_in_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store weights in fp16, each cast to fp32 in front of its consumers."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            values = numpy_helper.to_array(tensor).astype(np.float16)
            casts.append(helper.make_node("Cast", [tensor.name + "/fp16"], [tensor.name], to=TensorProto.FLOAT))
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name + "/fp16"))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


@pytest.mark.parametrize("recipe", OURS)
def test_a_voice_with_fp16_weights_is_supported(recipe: str, medium: Path, tmp_path: Path) -> None:
    half = write_voice(tmp_path, WIDE["medium"])
    onnx.save(_weights_in_fp16(build_model(WIDE["medium"])), half)
    log: list[str] = []
    make(recipe, half, tmp_path / "made.onnx", log)
    assert not any("left unchanged" in line for line in log), log
    assert signal_to_noise(half, tmp_path / "made.onnx") >= MIN_SNR_DB[recipe]


def _other_decoder(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        if node.op_type == "Div" and "/dec/" in node.name:
            node.op_type = "Mul"


@pytest.mark.parametrize("recipe", [name for name in OURS if name != "prune"])
def test_components_that_are_not_recognized_are_left_unchanged(recipe: str, tmp_path: Path) -> None:
    path = write_voice(tmp_path, WIDE["medium"])
    model = build_model(WIDE["medium"])
    _other_decoder(model)
    onnx.save(model, path)
    log: list[str] = []
    make(recipe, path, tmp_path / "made.onnx", log)
    assert any(line.startswith("decoder left unchanged: ") for line in log), log
    assert signal_to_noise(path, tmp_path / "made.onnx") >= MIN_SNR_DB[recipe]
    if recipe != "optimized":
        assert_refuses_batches(tmp_path / "made.onnx")


def test_a_decoder_that_is_not_recognized_cannot_be_pruned(tmp_path: Path) -> None:
    path = write_voice(tmp_path, WIDE["medium"])
    model = build_model(WIDE["medium"])
    _other_decoder(model)
    onnx.save(model, path)
    with pytest.raises(InvalidInput, match=rf"^the decoder of {path} cannot be pruned \(.+\): use another recipe$"):
        make("prune", path, tmp_path / "made.onnx")


@pytest.mark.parametrize(
    ("shape", "blocks", "expected"),
    [
        (TINY, "5", "has only 4 residual blocks that can be dropped, not 5: give --param blocks=4 or less"),
        (HIGH, "7", "has only 6 residual blocks that can be dropped, not 7: give --param blocks=6 or less"),
    ],
)
def test_no_more_blocks_are_pruned_than_the_decoder_can_lose(
    shape: VitsShape, blocks: str, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=expected):
        make("prune", write_voice(tmp_path, shape), tmp_path / "made.onnx", blocks=blocks)


def test_a_pruned_voice_has_fewer_convolutions_and_is_fitted_on_every_speaker(tmp_path: Path) -> None:
    log: list[str] = []
    path = write_voice(tmp_path, replace(WIDE["multi-speaker"], speakers=9))
    make("prune", path, tmp_path / "made.onnx", log, blocks="2")
    kept = [line.split(" convolutions")[0] for line in log if line.startswith("stage ")]
    assert sum(int(line.split()[3]) for line in kept) == 8
    assert "0.20 collecting examples, utterance 9 of 9" in log
    assert any(line.startswith("fitting stages 2 to 3, round 1 of 1: audible error reduced by ") for line in log)


def test_a_voice_is_not_pruned_on_sentences_that_are_too_short(tmp_path: Path) -> None:
    sentences = tmp_path / "mine.txt"
    sentences.write_text("a\ne\no\na\ne\no\n", encoding="utf-8")
    path = write_voice(tmp_path, replace(TINY, frames_per_phoneme=0.1))
    with pytest.raises(InvalidInput, match="too short to fit a decoder: give longer ones"):
        make("prune", path, tmp_path / "made.onnx", calibration=sentences)


@pytest.mark.parametrize("recipe", QUANTIZING)
def test_a_voice_without_quantizable_components_is_refused(recipe: str, tmp_path: Path) -> None:
    path = write_voice(tmp_path, WIDE["medium"])
    model = build_model(WIDE["medium"])
    _other_decoder(model)
    for node in model.graph.node:
        if node.op_type == "Ceil":
            node.op_type = "Round"
    onnx.save(model, path)
    with pytest.raises(InvalidInput, match="can be computed in fewer bits"):
        make(recipe, path, tmp_path / "made.onnx")


@pytest.mark.parametrize(
    ("difference", "to_itself", "good"),
    [
        (1e-6, 0.0, True),
        (5e-5, 3e-5, True),
        (7e-5, 3e-5, False),
        (2e-5, 1e-6, False),
        (1e-2, 1.0, False),
        (math.inf, math.inf, False),
        (math.nan, 0.0, False),
    ],
)
def test_an_optimized_voice_is_as_close_to_its_original_as_the_original_to_itself(
    difference: float, to_itself: float, good: bool
) -> None:
    assert is_equivalent(difference, to_itself) == good


def test_an_optimized_voice_that_differs_is_not_kept(
    medium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.quantize.optimized.max_difference", lambda *_: math.inf)
    with pytest.raises(TtsdashError, match="is not equivalent"):
        make("optimized", medium, tmp_path / "made.onnx")


@pytest.mark.parametrize(
    ("recipe", "name", "value"),
    [
        ("dynamic", "stages", "0"),
        ("dynamic", "text", "int8"),
        ("static", "clip", "max"),
        ("prune", "blocks", "1"),
        ("int4", "block", "64"),
    ],
)
def test_a_parameter_changes_the_variant(
    recipe: str, name: str, value: str, medium: Path, medium_variant: Callable[[str], Path], tmp_path: Path
) -> None:
    make(recipe, medium, tmp_path / "changed.onnx", **{name: value})
    assert (tmp_path / "changed.onnx").read_bytes() != medium_variant(recipe).read_bytes()


def test_without_int8_stages_the_decoder_stays_fp32(medium: Path, tmp_path: Path) -> None:
    make("dynamic", medium, tmp_path / "made.onnx", stages="0")
    (loop,) = (node for node in onnx.load(tmp_path / "made.onnx").graph.node if node.op_type == "Loop")
    assert "MatMulInteger" not in {node.op_type for node in loop.attribute[0].g.node}


def test_static_is_calibrated_on_the_given_sentences(
    medium: Path, medium_variant: Callable[[str], Path], tmp_path: Path
) -> None:
    sentences = tmp_path / "mine.txt"
    sentences.write_text("one two three\nfour five\n", encoding="utf-8")
    log: list[str] = []
    lineage = make("static", medium, tmp_path / "mine.onnx", log, calibration=sentences)
    assert lineage["calibration"].startswith("mine-")
    assert "0.50 calibrating, sentence 2 of 2" in log
    assert (tmp_path / "mine.onnx").read_bytes() != medium_variant("static").read_bytes()


def test_a_language_without_sentences_is_calibrated_on_generated_ones(medium: Path, tmp_path: Path) -> None:
    log: list[str] = []
    lineage = make("static", medium, tmp_path / "made.onnx", log, language="tlh")
    assert lineage["calibration"] == "generated v1"
    assert "calibrated on 12 sentences (generated v1 (from its phonemes: no sentences in 'tlh'))" in log


def test_random_phonemes_are_known_to_the_voice_and_reproducible(medium: Path) -> None:
    config = read_config(config_path_of(medium))
    drawn = random_phonemes(config, [1, 20, 300])
    assert drawn == random_phonemes(config, [1, 20, 300])
    assert len(drawn[0]) < len(drawn[1]) < len(drawn[2])
    known = {entry for ids in config["phoneme_id_map"].values() for entry in ids}
    assert all(set(ids) <= known and (ids[0], ids[-1]) == (1, 2) for ids in drawn)
    assert all(ids.count(2) == 1 for ids in drawn)


@pytest.mark.parametrize(
    ("params", "calibrated_on", "expected"),
    [
        ({}, None, "static-int8"),
        ({"clip": "mse", "window": "256"}, None, "static-int8"),
        ({"clip": "max"}, None, "static-int8+clip=max"),
        ({"window": "64", "clip": "max"}, None, "static-int8+clip=max+window=64"),
        ({}, "mine-0123abcd", "static-int8+calibration=mine-0123abcd"),
    ],
)
def test_parameters_that_differ_from_the_default_are_in_the_name(
    params: dict[str, str], calibrated_on: str | None, expected: str
) -> None:
    recipe = RECIPES["static"]
    assert recipe.variant_name(recipe.resolve(params), calibrated_on) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"clip": "median"}, r"invalid parameter of static-int8: clip=median \(allowed: mse or max\)"),
        ({"window": "8"}, r"window=8 \(allowed: 16 to 4096\)"),
        ({"window": "wide"}, "static-int8: window=wide"),
        ({"window": "1_28"}, "static-int8: window=1_28"),
        ({"window": " 128"}, "static-int8: window= 128"),
        ({"volume": "11"}, "has no parameter 'volume': it has stages"),
    ],
)
def test_an_invalid_parameter_is_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        RECIPES["static"].resolve(given)
