"""`core.voices.config` accepts the configurations that piper-tts accepts, and no others."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from piper.voice import PiperVoice

from core.errors import InvalidInput
from core.store.database import open_store
from core.store.voices import register_voice
from core.voices.config import read_config
from core.voices.file import config_path_of, read_voice
from core.workspace import Workspace
from tests.core.refusals import refusal
from tests.vits import MULTI_SPEAKER, TINY, voice_config, write_voice

_DELETED = "(deleted)"
_MAP = voice_config(TINY)["phoneme_id_map"]


def changed(**changes: Any) -> dict[str, Any]:
    """Return a configuration with other values, `a__b` for a value in an object."""
    config = voice_config(TINY)
    for name, value in changes.items():
        *groups, key = name.split("__")
        holder = config
        for group in groups:
            holder = holder[group]
        if value == _DELETED:
            del holder[key]
        else:
            holder[key] = value
    return config


def with_ids(ids: Any) -> dict[str, Any]:
    """Return a change of the ids of a phoneme that `1 2 3.` has."""
    return {"phoneme_id_map": _MAP | {"n": ids}}


def piper_speaks(model: Path) -> bool:
    try:
        voice = PiperVoice.load(model)
        chunks = list(voice.synthesize("1 2 3."))
        return bool(chunks) and all(round(chunk.sample_rate) > 0 and chunk.audio_int16_bytes for chunk in chunks)
    except Exception:  # noqa: BLE001 - that is the answer
        return False


_ACCEPTED: list[dict[str, Any]] = [
    {},
    {"audio__sample_rate": 22050.0},
    {"audio__sample_rate": 16_000},
    {"num_speakers": 0},
    {"num_speakers": -3},
    {"num_speakers": 1.0},
    {"num_speakers": True},
    *({"num_symbols": value} for value in (None, "256", 1.5, -1, [])),
    *({"phoneme_id_map": value} for value in ({}, None, [])),
    *(with_ids(ids) for ids in ([26.0], [26.5], ["26"], "12", [True], [-1], {"26": None}, [])),
    {"phoneme_type": _DELETED},
    {"phoneme_type": "text", "espeak__voice": None},
    {"inference": _DELETED},
    {"inference": {}},
    {"inference": {"noise_scale": "0.667", "length_scale": "1", "noise_w": True}},
    {"inference__noise_scale": -0.5},
    {"speaker_id_map": None},
    {"vowel_clusters": None},
    {"vowel_clusters": [["a", "ɪ"], "ab"]},
    {"language": 7, "dataset": None, "phoneme_map": None, "piper_version": [], "default_speaker_id": "x"},
]
_REFUSED: list[tuple[dict[str, Any], str]] = [
    *(({key: _DELETED}, key) for key in ("audio", "espeak", "num_symbols", "num_speakers", "phoneme_id_map")),
    ({"audio__sample_rate": _DELETED}, "audio.sample_rate"),
    ({"espeak__voice": _DELETED}, "espeak.voice"),
    *(({"audio": value}, "audio.sample_rate") for value in (None, 1, "text", [])),
    *(({"espeak": value}, "espeak.voice") for value in (None, 1, "text", [])),
    *(({"audio__sample_rate": value}, "audio.sample_rate") for value in (None, "22050", [], {}, 0, -22050)),
    *(({"espeak__voice": value}, "espeak.voice") for value in (None, 1, ["en-us"])),
    *(({"num_speakers": value}, "num_speakers") for value in (None, "1", [], {})),
    *(({"phoneme_id_map": value}, "phoneme_id_map") for value in (True, 1, "{}", [["a", [1]]])),
    *((with_ids(ids), "values other than ids for 'n'") for ids in (None, 3, ["x"], [None], [[1]], [10**20], {"b": 1})),
    *(({"inference": value}, "inference") for value in (None, [], "x")),
    *(({"inference__noise_scale": value}, "inference.noise_scale") for value in ("loud", [1])),
    ({"inference__noise_w": {}}, "inference.noise_w"),
    ({"vowel_clusters": 7}, "vowel_clusters"),
    ({"vowel_clusters": [[["a"]]]}, "vowel_clusters"),
]


@pytest.mark.parametrize("changes", _ACCEPTED, ids=str)
def test_what_piper_speaks_with_is_accepted(changes: dict[str, Any], voice_path: Path) -> None:
    write(voice_path, changed(**changes))
    assert piper_speaks(voice_path)
    read_voice(voice_path)


@pytest.mark.parametrize(("changes", "expected"), _REFUSED, ids=str)
def test_what_piper_does_not_speak_with_is_refused(changes: dict[str, Any], expected: str, voice_path: Path) -> None:
    write(voice_path, changed(**changes))
    assert not piper_speaks(voice_path)
    assert expected in refusal(read_voice, voice_path, names=config_path_of(voice_path))


@pytest.mark.parametrize("rate", [999, 384_001, 1.5, 10**30])
def test_a_sample_rate_at_which_no_voice_speaks_is_refused(rate: float, voice_path: Path) -> None:
    write(voice_path, changed(audio__sample_rate=rate))
    assert "Hz" in refusal(read_voice, voice_path, names=config_path_of(voice_path))


@pytest.mark.parametrize("speakers", [1_000_000, 2**63, 10**30, 1e30])
def test_more_speakers_than_a_model_can_have_are_refused(speakers: float, tmp_path: Path) -> None:
    path = write_voice(tmp_path, MULTI_SPEAKER)
    write(path, voice_config(MULTI_SPEAKER) | {"num_speakers": speakers})
    assert "more than a model can have: set it to" in refusal(read_voice, path, names=config_path_of(path))


@pytest.mark.parametrize("key", ["num_symbols", "hop_length", "default_speaker_id", "piper_version"])
def test_a_number_that_the_database_cannot_hold_is_kept_where_piper_speaks_with_it(
    key: str, voice_path: Path, workspace: Workspace
) -> None:
    write(voice_path, changed(**{key: 10**30}))
    assert piper_speaks(voice_path)
    with closing(open_store(workspace)) as db:
        assert register_voice(db, read_voice(voice_path)).voice.config[key] == 10**30


def test_what_piper_reads_in_several_forms_is_normalized(voice_path: Path) -> None:
    changes = {"audio__sample_rate": 22050.0, "num_speakers": 0, "phoneme_id_map": {"n": ["26", 1.0]}}
    write(voice_path, changed(**changes, inference={"noise_scale": "0.5", "length_scale": 1.2}))
    voice = read_voice(voice_path)
    assert (voice.sample_rate, voice.speakers) == (22050, 1)
    assert voice.config["audio"] == {"sample_rate": 22050, "quality": "medium"}
    assert voice.config["phoneme_id_map"] == {"n": [26, 1]}
    assert voice.config["inference"] == {"noise_scale": 0.5, "length_scale": 1.2}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "needs its .onnx.json"),
        (b"", "not valid JSON, it is empty or ends too early: get the file again"),
        (b"{", "not valid JSON, it is empty or ends too early: get the file again"),
        (b"\0" * 5000, "nothing but zero bytes"),
        (
            b'{\n  // Amy\n  "num_speakers": 1}',
            "not valid JSON at line 2, column 3: correct it there (JSON has no comments",
        ),
        (b'{"num_speakers": 1,\n}', "correct it there (JSON has no comments, and no comma before a closing bracket)"),
        (b"[" * 200_000, "not valid JSON"),
        (b'{"a":' * 100_000, "not valid JSON"),
        (b"[]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'"a voice"', "is not a JSON object"),
        (b"22050", "is not a JSON object"),
        (b" " * 16_000_001, "too large"),
    ],
    ids=lambda value: str(value)[:30],
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


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8-sig", "byte order mark"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-16"),
        ("latin-1", "is not UTF-8"),
    ],
)
def test_an_encoding_that_piper_does_not_read_is_refused_with_the_one_it_reads(
    encoding: str, expected: str, voice_path: Path
) -> None:
    text = json.dumps(voice_config(TINY) | {"phoneme_id_map": {}, "dataset": "été"}, ensure_ascii=False)
    config = config_path_of(voice_path)
    config.write_bytes(text.encode(encoding))
    assert not piper_speaks(voice_path)
    line = refusal(read_voice, voice_path, names=config)
    assert expected in line
    assert "save it as UTF-8" in line
    config.write_text(text, encoding="utf-8")
    read_voice(voice_path)


def test_a_folder_in_the_place_of_the_configuration_is_refused(voice_path: Path) -> None:
    config = config_path_of(voice_path)
    config.unlink()
    config.mkdir()
    assert "is not a regular file" in refusal(read_voice, voice_path, names=config)


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


def write(voice_path: Path, config: dict[str, Any]) -> None:
    config_path_of(voice_path).write_text(json.dumps(config))
