"""`core.voices.file` reads a voice's two files, and holds them against each other."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from core.files import sha256_of
from core.voices.file import config_path_of, default_key, read_config, read_voice
from tests.core.refusals import refusal
from tests.vits import MULTI_SPEAKER, TINY, build_model, voice_config, write_voice

_DELETED = "(deleted)"


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
    ("content", "expected"),
    [
        (None, "needs its .onnx.json"),
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe{}", "not valid JSON"),
        (b"[" * 200_000, "not valid JSON"),
        (b'{"a":' * 100_000, "not valid JSON"),
        (b"[]", "lacks audio.sample_rate"),
        (b"null", "lacks audio.sample_rate"),
        (b'"a voice"', "lacks audio.sample_rate"),
        (b" " * 16_000_001, "too large"),
    ],
    ids=["missing", "empty", "cut", "not UTF-8", "deep lists", "deep objects", "list", "null", "string", "too large"],
)
def test_a_configuration_that_is_not_a_json_object_is_refused(
    content: bytes | None, expected: str, voice_path: Path
) -> None:
    config = config_path_of(voice_path)
    if content is None:
        config.unlink()
    else:
        config.write_bytes(content)
    assert expected in refusal(read_voice, voice_path, names=config)


def test_a_folder_in_the_place_of_the_configuration_is_refused(voice_path: Path) -> None:
    config = config_path_of(voice_path)
    config.unlink()
    config.mkdir()
    assert "is not a regular file" in refusal(read_voice, voice_path, names=config)


_KINDS: dict[tuple[str, ...], type] = {
    ("audio", "sample_rate"): int,
    ("espeak", "voice"): str,
    ("num_symbols",): int,
    ("num_speakers",): int,
    ("phoneme_id_map",): dict,
}
# Neither is there a number that stands as text, nor is `true` a number.
_WRONG: dict[type, list[Any]] = {
    int: [_DELETED, None, True, "22050", 1.5, [], {}],
    str: [_DELETED, None, True, 1, ["en-us"], {}],
    dict: [_DELETED, None, True, 1, "{}", [["a", [1]]]],
}


@pytest.mark.parametrize(("keys", "wrong"), [(keys, wrong) for keys, kind in _KINDS.items() for wrong in _WRONG[kind]])
def test_each_key_must_exist_with_its_type(keys: tuple[str, ...], wrong: Any, voice_path: Path) -> None:
    config = voice_config(TINY)
    _put(config, keys, wrong)
    assert ".".join(keys) in _refused(voice_path, config)


@pytest.mark.parametrize("group", ["audio", "espeak"])
@pytest.mark.parametrize("wrong", [_DELETED, None, 1, "text", []], ids=repr)
def test_each_group_must_be_an_object(group: str, wrong: Any, voice_path: Path) -> None:
    config = voice_config(TINY)
    _put(config, (group,), wrong)
    assert f"lacks {group}." in _refused(voice_path, config)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"audio": {"sample_rate": 0}}, "0 Hz"),
        ({"audio": {"sample_rate": -22050}}, "-22050 Hz"),
        ({"audio": {"sample_rate": 999}}, "999 Hz"),
        ({"audio": {"sample_rate": 384_001}}, "384001 Hz"),
        ({"audio": {"sample_rate": 10**30}}, "Hz"),
        ({"num_speakers": 2}, "no speaker input"),
        ({"phoneme_id_map": {}}, "empty phoneme_id_map"),
        ({"phoneme_id_map": {"a": []}}, "empty phoneme_id_map"),
        ({"phoneme_id_map": {"a": [256]}}, "phoneme id 256"),
        ({"phoneme_id_map": {"a": [1, 10**20]}}, "phoneme id 100000000000000000000"),
        ({"phoneme_id_map": {"a": ["1"]}}, "values other than ids"),
        ({"phoneme_id_map": {"a": [1.0]}}, "values other than ids"),
        ({"phoneme_id_map": {"a": [True]}}, "values other than ids"),
        ({"phoneme_id_map": {"a": [-1]}}, "values other than ids"),
        ({"phoneme_id_map": {"a": {"b": 1}}}, "values other than ids"),
        ({"phoneme_id_map": {"a": None}}, "values other than ids"),
        ({"phoneme_id_map": {"a": 3}}, "values other than ids"),
    ],
    ids=str,
)
def test_a_configuration_that_does_not_fit_the_model_is_refused(
    changes: dict[str, Any], expected: str, voice_path: Path
) -> None:
    assert expected in _refused(voice_path, voice_config(TINY) | changes)


@pytest.mark.parametrize("rate", [1_000, 16_000, 22_050, 384_000])
def test_sample_rates_in_use_are_taken(rate: int, voice_path: Path) -> None:
    _write(voice_path, voice_config(TINY) | {"audio": {"sample_rate": rate}})
    assert read_voice(voice_path).sample_rate == rate


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
    assert "output" in refusal(read_voice, voice_path, names=voice_path)


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


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(changes=st.dictionaries(st.sampled_from(sorted(voice_config(TINY))), _JSON, min_size=1))
def test_any_json_is_read_or_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "voice.onnx.json"
    path.write_text(json.dumps(voice_config(TINY) | changes))
    try:
        config = read_config(path)
    except InvalidInput as error:
        assert str(path) in str(error)
    else:
        assert isinstance(config["phoneme_id_map"], dict)


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


def _put(config: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    for key in keys[:-1]:
        config = config[key]
    if value == _DELETED:
        del config[keys[-1]]
    else:
        config[keys[-1]] = value


def _write(voice_path: Path, config: dict[str, Any]) -> None:
    config_path_of(voice_path).write_text(json.dumps(config))


def _refused(voice_path: Path, config: dict[str, Any]) -> str:
    _write(voice_path, config)
    return refusal(read_voice, voice_path, names=config_path_of(voice_path))
