"""`core.voices.file` reads a voice's two files, and holds them against each other."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.files import sha256_of
from core.voices.file import config_path_of, default_key, read_voice
from tests.core.refusals import refusal
from tests.vits import MULTI_SPEAKER, TINY, build_model, voice_config, write_voice


def test_a_valid_voice_is_read(voice_path: Path) -> None:
    voice = read_voice(voice_path)
    assert voice.path == voice_path
    assert voice.sha256 == sha256_of(voice_path)
    assert voice.size_bytes == len(voice_path.read_bytes())
    assert voice.config == voice_config(TINY)
    assert (voice.sample_rate, voice.speakers, voice.language) == (22050, 1, "en_US")
    assert voice.anatomy["opset"] == 15
    assert voice.anatomy["upsampling_stages"] == 3
    assert [part["name"] for part in voice.anatomy["parts"]] == ["text", "duration", "alignment", "flow", "decoder"]


def test_a_relative_path_is_made_absolute(voice_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(voice_path.parent)
    assert read_voice(Path(voice_path.name)).path == voice_path


def test_a_graph_that_is_not_vits_is_read_with_the_reason(voice_path: Path) -> None:
    model = build_model(TINY)
    next(node for node in model.graph.node if node.op_type == "Ceil").op_type = "Floor"
    voice_path.write_bytes(model.SerializeToString())
    anatomy = read_voice(voice_path).anatomy
    assert "Ceil" in anatomy["unrecognised"]
    assert "parts" not in anatomy
    assert anatomy["opset"] == 15


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"num_speakers": 2}, "no speaker input"),
        ({"phoneme_id_map": {"a": []}}, "empty phoneme_id_map"),
        ({"phoneme_id_map": {"a": [256]}}, "phoneme id 256"),
    ],
    ids=str,
)
def test_a_configuration_that_does_not_fit_the_model_is_refused(
    changes: dict[str, Any], expected: str, voice_path: Path
) -> None:
    assert expected in _refused(voice_path, voice_config(TINY) | changes)


def test_the_last_row_of_the_embedding_may_be_used(voice_path: Path) -> None:
    _write(voice_path, voice_config(TINY) | {"phoneme_id_map": {"a": [255], "b": [3]}})
    assert read_voice(voice_path).config["phoneme_id_map"] == {"a": [255], "b": [3]}


def test_several_speakers_are_taken_where_the_model_has_them(tmp_path: Path) -> None:
    assert read_voice(write_voice(tmp_path, MULTI_SPEAKER)).speakers == 4


@pytest.mark.parametrize("name", ["input", "input_lengths", "scales"])
def test_a_model_without_pipers_inputs_is_refused(name: str, voice_path: Path) -> None:
    model = build_model(TINY)
    next(entry for entry in model.graph.input if entry.name == name).name = "x"
    voice_path.write_bytes(model.SerializeToString())
    assert name in refusal(read_voice, voice_path, names=voice_path)


def test_a_model_without_output_is_refused(voice_path: Path) -> None:
    model = build_model(TINY)
    del model.graph.output[:]
    voice_path.write_bytes(model.SerializeToString())
    assert "its graph has no output: " in refusal(read_voice, voice_path, names=voice_path)


def test_several_missing_inputs_are_named_together(voice_path: Path) -> None:
    model = build_model(TINY)
    for entry in model.graph.input[1:]:
        entry.name += "_"
    voice_path.write_bytes(model.SerializeToString())
    line = refusal(read_voice, voice_path, names=voice_path)
    assert "its graph lacks the inputs input_lengths and scales: " in line


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ({"code": "de_DE"}, "de_DE"),
        ({"code": ""}, "en-us"),
        ({}, "en-us"),
        (None, "en-us"),
        ("de", "en-us"),
    ],
)
def test_the_language_is_that_of_the_configuration_else_espeaks(language: Any, expected: str, voice_path: Path) -> None:
    _write(voice_path, voice_config(TINY) | {"language": language})
    assert read_voice(voice_path).language == expected


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/voices/en_US-joe-medium.onnx", "en_US-joe-medium"),
        ("/voices/amy/model.onnx", "amy"),
        ("/voices/amy/Voice.ONNX", "amy"),
        ("/model.onnx", "model"),
        ("/voices/a b.onnx", "a-b"),
        ("/voices/..onnx", "voice"),
        ("/voices/.hidden.onnx", "hidden"),
        ("/voices/été.onnx", "été"),
    ],
)
def test_a_voice_is_named_by_its_file_else_by_its_folder(path: str, key: str) -> None:
    assert default_key(Path(path)) == key


def _write(voice_path: Path, config: dict[str, Any]) -> None:
    config_path_of(voice_path).write_text(json.dumps(config))


def _refused(voice_path: Path, config: dict[str, Any]) -> str:
    _write(voice_path, config)
    return refusal(read_voice, voice_path, names=config_path_of(voice_path))
