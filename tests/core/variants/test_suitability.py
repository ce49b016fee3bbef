"""`core.variants.suitability` knows which recipes a voice's graph rules out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from core.records.voices import Voice
from core.variants.recipes import GUIDE, RECIPES
from core.variants.suitability import obstacle, unsuitable
from core.voices.file import read_voice
from tests.core.quantize.making import make
from tests.vits import TINY, build_model, write_voice

QUANTIZING = {"dynamic", "static", "prune", "int4"}


def refused(voice: Voice, path: Path) -> dict[str, str]:
    """The recipes that the voice in the file rules out, with the reasons."""
    read = replace(voice, anatomy=read_voice(path).anatomy)
    return {name: reason for name, recipe in RECIPES.items() if (reason := unsuitable(recipe, read))}


def test_a_voice_as_piper_exports_it_suits_every_recipe(stored: Voice, voice_path: Path) -> None:
    assert refused(stored, voice_path) == {}


@pytest.mark.parametrize("recipe", [GUIDE, "dynamic"])
def test_a_quantized_voice_suits_no_recipe(recipe: str, stored: Voice, voice_path: Path) -> None:
    made = write_voice(voice_path.parent, name="quantized")
    make(recipe, voice_path, made)
    found = refused(stored, made)
    assert set(found) == set(RECIPES)
    assert set(found.values()) == {"amy is already quantized: start from the voice's original fp32 model"}


def _no_landmark(model: onnx.ModelProto) -> None:
    next(node for node in model.graph.node if node.op_type == "Ceil").op_type = "Floor"


def _no_decoder(model: onnx.ModelProto) -> None:
    _no_landmark(model)
    for node in model.graph.node:
        if node.op_type == "Div" and "/dec/" in node.name:
            node.op_type = "Mul"


def test_a_recognized_decoder_is_enough_to_quantize(stored: Voice, voice_path: Path) -> None:
    _change(voice_path, _no_landmark)
    assert set(refused(stored, voice_path)) == {"coreml", "distill", "tune"}


def test_a_voice_of_another_structure_is_only_folded(stored: Voice, voice_path: Path) -> None:
    _change(voice_path, _no_decoder)
    found = refused(stored, voice_path)
    assert set(found) == QUANTIZING | {"coreml", "distill", "tune"}
    assert "is not recognized (0 roundings of durations (Ceil) instead of one)" in found["dynamic"]


def test_a_voice_of_an_earlier_version_is_refused_by_its_job_at_the_latest(stored: Voice) -> None:
    old = replace(stored, anatomy={"opset": 15, "unrecognised": "no upsampling decoder (ConvTranspose)"})
    assert {name for name, recipe in RECIPES.items() if unsuitable(recipe, old)} == {"coreml", "distill", "tune"}


def test_what_the_machine_lacks_is_an_obstacle_for_every_voice(stored: Voice) -> None:
    recipe = replace(RECIPES["coreml"], requires="coremltools")
    assert obstacle(recipe, stored) == recipe.missing


def _change(path: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    model = build_model(TINY)
    change(model)
    path.write_bytes(model.SerializeToString())
