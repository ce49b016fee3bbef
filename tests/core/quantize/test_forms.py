"""Every recipe on other forms of a voice's graph: as ONNX Runtime saved it, in half precision, with weights as inputs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from core.engines.ort import OrtVoice
from core.graph.normalize import read_source
from core.quality.compare import compare_sound
from core.variants.recipes import GUIDE, RECIPES
from tests.core.quantize.making import make
from tests.vits import TINY, build_model, write_voice
from tests.vits.forms import EXACT, ROUNDED

# Wide enough that the first stage of the decoder is computed in int8.
SHAPE = replace(TINY, upsample_channels=96)
IDS = [1, *range(14, 50), 2]
MIN_SNR_DB = {"optimized": 90, "dynamic": 15, "static": 15, "prune": -10, "int4": 0}
# The others become the graph of one of these: `tests/core/graph/test_normalize.py`.
FORMS = (
    "weights as inputs",
    "saved at the extended level",
    "names of our rewrites",
    "double output",
    "nodes in disorder",
    "half precision",
)


@pytest.mark.parametrize(
    "recipe", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in (*MIN_SNR_DB, GUIDE)]
)
@pytest.mark.parametrize("name", FORMS)
def test_every_recipe_takes_every_form_and_keeps_the_sound(name: str, recipe: str, tmp_path: Path) -> None:
    path, made, log = write_voice(tmp_path, SHAPE), tmp_path / "made.onnx", list[str]()
    onnx.save((EXACT | ROUNDED)[name](build_model(SHAPE)), path)
    make(recipe, path, made, log)
    # Attentions and splines of constants in fp16 compute something else than those of the exact numbers.
    kept = {"attention", "spline"} if name == "half precision" else set()
    assert {line.split(" left unchanged")[0] for line in log if "left unchanged" in line} <= kept, log
    original, variant = OrtVoice(path, 1).synthesize(IDS), OrtVoice(made, 1).synthesize(IDS)
    if recipe == GUIDE:
        # Its durations differ, whatever the form.
        assert len(variant) == pytest.approx(len(original), rel=0.1)
        return
    if name == "half precision":
        assert len(variant) == pytest.approx(len(original), rel=0.02)
        # The variant computes with the same numbers, but does not round after each operator.
        original = OrtVoice(read_source(path).SerializeToString(), 1).synthesize(IDS)
    assert signal_to_noise(original, variant) >= MIN_SNR_DB[recipe]


def signal_to_noise(original: np.ndarray, variant: np.ndarray) -> float:
    """The ratio in dB; 0 if the lengths differ, which they may by 2 %."""
    if original.shape != variant.shape:
        assert len(variant) == pytest.approx(len(original), rel=0.02)
        return 0.0
    return float(10 * np.log10(np.sum(original**2) / max(np.sum((original - variant) ** 2), 1e-12)))


def test_a_voice_in_half_precision_sounds_the_same_in_fp32(tmp_path: Path) -> None:
    path = write_voice(tmp_path, SHAPE)
    onnx.save(ROUNDED["half precision"](build_model(SHAPE)), path)
    voices = OrtVoice(path, 1), OrtVoice(read_source(path).SerializeToString(), 1)
    spoken = [[voice.synthesize(IDS)] for voice in voices]
    assert compare_sound(*spoken, SHAPE.sample_rate).grade in ("transparent", "slight")


def test_the_recipes_are_those_that_make_a_file() -> None:
    assert {*MIN_SNR_DB, GUIDE} == {name for name, recipe in RECIPES.items() if recipe.job == "quantize"}
