"""The recipe `tune` on every build of a voice, with seconds of searching."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from core.engines.ort import OrtVoice
from core.errors import InvalidInput
from core.tune import recipe
from core.tune.listener import Listener
from core.tune.run import GoalMissed
from core.variants.variant_files import check_variant
from core.voices.file import config_path_of, read_config
from tests.core.quantize.making import make
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, write_voice

# Wide enough that the first stage of the decoder can be computed in int8.
WIDE = {
    name: replace(shape, upsample_channels=96)
    for name, shape in (("medium", TINY), ("high", HIGH), ("x_low", X_LOW), ("multi-speaker", MULTI_SPEAKER))
}
IDS = [1, *range(14, 60), 2]
pytestmark = pytest.mark.xdist_group("tune")


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    # A voice of a few kB is too small to become faster, and the machine may be busy.
    monkeypatch.setattr(Listener, "_speedup", lambda self, voice: 1.5)
    monkeypatch.setattr(recipe, "_DEFAULT_BUDGET_S", 4)
    monkeypatch.setattr(recipe, "_ROUNDING_SENTENCES", 1)


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    file = tmp_path / "sentences.txt"
    file.write_text("The kettle is on, and the bread is almost done.\nTurn off the lamp in the study, please!\n")
    return file


@pytest.mark.parametrize("build", WIDE)
def test_a_tuned_voice_is_a_drop_in_replacement_of_every_build(build: str, sentences: Path, tmp_path: Path) -> None:
    source, made, log = write_voice(tmp_path, WIDE[build]), tmp_path / "made.onnx", list[str]()
    lineage = make("tune", source, made, log, sentences, goal="best", mb="100")
    config = read_config(config_path_of(source))
    config_path_of(made).write_text(json.dumps(config), encoding="utf-8")
    check_variant(source, made, config, log.append)
    shares = [float(line[:4]) for line in log if line[1:2] == "."]
    assert shares == sorted(shares)
    assert [line for line in log if line.startswith("candidate 1, as dynamic-int8: ")]
    again = tmp_path / "again.onnx"
    make("tune", source, again, calibration=sentences, parts=lineage["choice"])
    assert again.read_bytes() == made.read_bytes()
    assert len(OrtVoice(made, threads=1).synthesize(IDS)) > 0


def test_a_search_that_was_killed_goes_on_from_what_it_has_measured(
    sentences: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    measure, measured = Listener.measure, list[Path]()

    def measure_twice(self: Listener, variant: Path) -> object:
        if len(measured) == 2:
            raise Killed
        measured.append(variant)
        return measure(self, variant)

    source, made, log = write_voice(tmp_path, WIDE["medium"]), tmp_path / "made.onnx", list[str]()
    with monkeypatch.context() as killing:
        killing.setattr(Listener, "measure", measure_twice)
        with pytest.raises(Killed):
            make("tune", source, made, log, sentences)
    assert not made.exists()
    make("tune", source, made, log, sentences)
    assert made.exists()
    assert any(re.fullmatch(r"going on after \d+ s, with 2 measured", line) for line in log), log
    numbers = [int(match[1]) for line in log if (match := re.match(r"candidate (\d+), ", line))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_goal_that_cannot_be_reached_ends_with_the_nearest(sentences: Path, tmp_path: Path) -> None:
    source = write_voice(tmp_path, WIDE["medium"])
    with pytest.raises(
        GoalMissed, match=r"^no choice of \d+ is the smallest with .*, PESQ 5: the nearest has 0\.\d\d MB, .*\(--param"
    ):
        make("tune", source, tmp_path / "made.onnx", calibration=sentences, pesq="5")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"goal": "best"}, r"^goal=best needs a size that it may have: add --param mb=12$"),
        (
            {"parts": "flow:int8"},
            r"^parts= has nothing for attention-1: write attention-1:SCHEME, where SCHEME is fp32",
        ),
        ({"parts": "flow"}, r"^invalid parameter of tuned: parts=flow \(allowed: auto, or PART:SCHEME"),
        ({"pesq": "high"}, r"^invalid parameter of tuned: pesq=high \(allowed: auto, or 1 to 5, as 3\.9\)$"),
        ({"mb": "0.5"}, r"^invalid parameter of tuned: mb=0\.5 \(allowed: auto, or 1 to 1000, as 3\.9\)$"),
        ({"budget": "1s"}, r"^invalid parameter of tuned: budget=1s"),
    ],
)
def test_wrong_parameters_are_refused_in_one_line(params: dict[str, str], message: str, tmp_path: Path) -> None:
    source = write_voice(tmp_path, WIDE["medium"])
    with pytest.raises(InvalidInput, match=message):
        make("tune", source, tmp_path / "made.onnx", **params)


def test_without_the_package_a_bound_of_pesq_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe.importlib.util, "find_spec", lambda name: None)
    source = write_voice(tmp_path, WIDE["medium"])
    with pytest.raises(
        InvalidInput, match=r"^a bound of PESQ needs the package pesq \(ttsdash\[quality\]\): install it"
    ):
        make("tune", source, tmp_path / "made.onnx", pesq="3.9")
