"""`core.voices.join` reads voices in several files: they are joined in the workspace, and the user's files stay as they are."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from piper.voice import PiperVoice

from core.engines.ort import OrtVoice
from core.files import sha256_of
from core.voices.file import config_path_of, read_voice
from core.voices.join import read_whole_voice
from tests.core.refusals import refusal
from tests.vits import MULTI_SPEAKER, TINY, build_model, voice_config, write_voice
from tests.vits.halves import write_halves

IDS = [1, *range(14, 40), 2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of voices in the workspace."""
    return tmp_path / "workspace" / "voices"


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    return write_halves(tmp_path / "en_US-hfc_male-medium")


def content(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in folder.iterdir()}


@pytest.mark.parametrize("given", ["", "encoder.onnx", "decoder.onnx"])
def test_both_halves_are_added_as_one_voice_named_after_their_folder(given: str, halves: Path, folder: Path) -> None:
    before = content(halves)
    voice = read_whole_voice(halves / given, folder)
    assert voice.path.name == "en_US-hfc_male-medium.onnx"
    assert voice.path.is_relative_to(folder)
    assert voice.config == voice_config(TINY)
    assert "unrecognised" not in voice.anatomy
    assert content(halves) == before
    whole = OrtVoice(build_model(TINY).SerializeToString(), 1).synthesize(IDS)
    assert OrtVoice(voice.path, 1).synthesize(IDS) == pytest.approx(whole, abs=2e-5)
    assert {path.name for path in voice.path.parent.iterdir()} == {voice.path.name, f"{voice.path.name}.json"}
    assert {path.name for path in folder.iterdir()} == {"joined"}


def test_the_same_halves_are_the_same_voice_and_exported_again_they_replace_it(halves: Path, folder: Path) -> None:
    first = read_whole_voice(halves, folder)
    assert read_whole_voice(halves / "encoder.onnx", folder) == first
    write_halves(halves, MULTI_SPEAKER)
    second = read_whole_voice(halves, folder)
    assert second.path == first.path
    assert second.sha256 != first.sha256


def test_pairs_in_folders_of_the_same_name_do_not_replace_each_other(tmp_path: Path, folder: Path) -> None:
    paths = {read_whole_voice(write_halves(tmp_path / place / "voice"), folder).path for place in ("one", "two")}
    assert len(paths) == 2


@pytest.mark.parametrize(
    "config", ["config.json", "encoder.onnx.json", "decoder.onnx.json", "en_US-hfc_male.onnx.json"]
)
def test_the_configuration_of_halves_is_found(config: str, tmp_path: Path, folder: Path) -> None:
    assert read_whole_voice(write_halves(tmp_path / "amy", config=config), folder).config == voice_config(TINY)


def _no_config(halves: Path) -> None:
    (halves / "config.json").unlink()


def _two_configs(halves: Path) -> None:
    (halves / "config.json").rename(halves / "a.json")
    (halves / "b.json").write_bytes((halves / "a.json").read_bytes())


def _broken_config(halves: Path) -> None:
    (halves / "config.json").write_text("{")


def _another_decoder(halves: Path) -> None:
    write_halves(halves / "other", MULTI_SPEAKER)
    (halves / "other" / "decoder.onnx").replace(halves / "decoder.onnx")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (_no_config, "has no configurations for encoder.onnx and decoder.onnx"),
        (_two_configs, "has 2 configurations"),
        (_broken_config, "not valid JSON"),
        (_another_decoder, "are not halves of one voice"),
    ],
)
def test_halves_that_are_no_voice_are_refused_without_a_trace(
    damage: Callable[[Path], None], expected: str, halves: Path, folder: Path
) -> None:
    damage(halves)
    assert expected in refusal(read_whole_voice, halves / "encoder.onnx", folder, names=halves)
    assert not folder.exists() or not list(folder.rglob("*.onnx"))


@pytest.mark.parametrize(("name", "other"), [("encoder", "decoder"), ("decoder", "encoder")])
def test_a_half_alone_is_refused_with_what_to_take_instead(name: str, other: str, halves: Path, folder: Path) -> None:
    (halves / f"{other}.onnx").unlink()
    path = halves / f"{name}.onnx"
    config_path_of(path).write_bytes((halves / "config.json").read_bytes())
    for read in (read_voice, lambda given: read_whole_voice(given, folder)):
        message = refusal(read, path, names=path)
        assert f"is only the {name} of a streaming voice: put its {other} beside it as {other}.onnx" in message


@pytest.mark.parametrize(("name", "other"), [("encoder", "decoder"), ("decoder", "encoder")])
def test_a_folder_with_half_a_voice_is_refused_with_what_is_missing(
    name: str, other: str, halves: Path, folder: Path
) -> None:
    (halves / f"{other}.onnx").unlink()
    for path in (halves, halves / "config.json"):
        message = refusal(read_whole_voice, path, folder, names=path)
        assert f"only the {name} of a streaming voice" in message
        assert f"put its {other} beside it as {other}.onnx" in message
    assert "add" not in refusal(read_whole_voice, halves / "amy.onnx", folder, names=halves)


@pytest.mark.parametrize("layout", ["one file", "a file for each weight"])
def test_a_voice_with_weights_in_other_files_is_added_as_one_file(layout: str, tmp_path: Path, folder: Path) -> None:
    path = write_voice(tmp_path / "voices", name="amy")
    plain = read_voice(path)
    at_once = layout == "one file"
    onnx.save(
        build_model(TINY),
        path,
        save_as_external_data=True,
        all_tensors_to_one_file=at_once,
        location="amy.onnx.data" if at_once else None,
        size_threshold=0,
    )
    before = content(path.parent)
    voice = read_whole_voice(path, folder)
    assert voice.path.name == "amy.onnx"
    assert voice.sha256 == plain.sha256
    assert content(path.parent) == before


def test_weights_that_are_missing_are_named(tmp_path: Path, folder: Path) -> None:
    path = write_voice(tmp_path / "voices", name="amy")
    onnx.save(build_model(TINY), path, save_as_external_data=True, location="amy.data", size_threshold=0)
    weights = path.with_name("amy.data")
    weights.write_bytes(weights.read_bytes()[:100])
    assert "of amy.data, which has 100: get both files again" in refusal(read_whole_voice, path, folder, names=path)
    weights.unlink()
    assert "amy.data does not exist" in refusal(read_whole_voice, path, folder, names=path.parent)
    assert not folder.exists()


def _by_its_own_folder(path: Path) -> str:
    return f"../{path.parent.name}/amy.data"


def _by_a_link(path: Path) -> str:
    path.with_name("link.data").symlink_to("amy.data")
    return "link.data"


def _both_are_links(path: Path) -> str:
    elsewhere = path.parent.parent / "blobs"
    elsewhere.mkdir()
    for file in (path, path.with_name("amy.data")):
        file.rename(elsewhere / file.name)
        file.symlink_to(elsewhere / file.name)
    return "amy.data"


@pytest.mark.parametrize("name", [_by_its_own_folder, _by_a_link, _both_are_links])
def test_weights_are_read_wherever_piper_reads_them(name: Callable[[Path], str], tmp_path: Path, folder: Path) -> None:
    path = write_voice(tmp_path / "voices", name="amy")
    plain = read_voice(path)
    onnx.save(build_model(TINY), path, save_as_external_data=True, location="amy.data")
    location = name(path)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            entry.value = location if entry.key == "location" else entry.value
    path.write_bytes(model.SerializeToString())
    assert list(PiperVoice.load(path).synthesize("1 2 3."))
    assert read_whole_voice(path, folder).sha256 == plain.sha256


@pytest.mark.parametrize(("key", "value"), [("offset", "-4"), ("length", "-4"), ("offset", "first"), ("length", "")])
def test_weights_at_no_place_are_refused_in_plain_words(key: str, value: str, tmp_path: Path, folder: Path) -> None:
    path = write_voice(tmp_path / "voices", name="amy")
    onnx.save(build_model(TINY), path, save_as_external_data=True, location="amy.data")
    model = onnx.load(path, load_external_data=False)
    tensor = next(tensor for tensor in model.graph.initializer if tensor.external_data)
    next(entry for entry in tensor.external_data if entry.key == key).value = value
    path.write_bytes(model.SerializeToString())
    message = refusal(read_whole_voice, path, folder, names=path)
    assert "does not say where in amy.data its weights are: export it again" in message


def test_weights_outside_the_folder_are_never_read(tmp_path: Path, folder: Path) -> None:
    path = write_voice(tmp_path / "voices", name="amy")
    model = build_model(TINY)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    path.write_bytes(model.SerializeToString())
    message = refusal(read_whole_voice, path, folder, names=path)
    assert "outside its folder" in message
    assert message.endswith(": export it again with its weights inside")


def test_a_voice_in_one_file_stays_where_it_is(voice_path: Path, folder: Path) -> None:
    assert read_whole_voice(voice_path, folder) == read_voice(voice_path)
    assert not folder.exists()


def test_a_folder_without_halves_is_refused(voice_path: Path, folder: Path) -> None:
    assert "is a folder" in refusal(read_whole_voice, voice_path.parent, folder, names=voice_path.parent)
