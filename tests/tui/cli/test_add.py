"""`ttsdash voices add`, and the other ways by which a voice is registered: it must speak first."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from core.store.voices import get_voice, list_voices
from core.voices.file import config_path_of
from core.workspace import Workspace
from tests.vits import TINY, voice_config, write_voice
from tui.cli.app import outcome


@pytest.fixture
def mute(voice_path: Path) -> Path:
    """A voice that cannot speak."""
    configure(voice_path, phoneme_type="PhonemeType.ESPEAK")
    return voice_path


def configure(path: Path, **changes: Any) -> None:
    config_path_of(path).write_text(json.dumps(voice_config(TINY) | changes))


def call(workspace: Workspace, *arguments: object) -> tuple[int, str]:
    return outcome(["--home", str(workspace.root), *map(str, arguments)])


def write_assistant(folder: Path, voice: Path) -> Path:
    path = folder / "config.yaml"
    path.write_text(f"models:\n  tts:\n    piper:\n      voice_path: {voice}\n")
    return path


@pytest.mark.parametrize("way", ["add", "import", "optimize", "add --json"])
def test_a_voice_that_cannot_speak_is_refused_in_one_line_wherever_it_would_be_added(
    way: str, mute: Path, workspace: Workspace, db: sqlite3.Connection
) -> None:
    commands = {
        "add": ("voices", "add", mute),
        "add --json": ("voices", "add", mute, "--json"),
        "import": ("voices", "import", "--config", write_assistant(mute.parent, mute)),
        "optimize": ("optimize", "--model", mute, "--dynamic"),
    }
    code, line = call(workspace, *commands[way])
    assert code == 2
    assert line.endswith(
        "a phoneme_type that Piper does not know, 'PhonemeType.ESPEAK': set phoneme_type to \"espeak\""
    )
    assert len(line.splitlines()) == 1
    assert list_voices(db) == []
    assert db.execute("SELECT count(*) FROM jobs").fetchone()[0] == 0


def test_a_home_folder_that_does_not_exist_is_named(workspace: Workspace) -> None:
    for command in (("voices", "add"), ("optimize", "--dynamic", "--model")):
        code, line = call(workspace, *command, "~nosuchuser/tiny.onnx")
        assert (code, len(line.splitlines())) == (2, 1)
        assert "there is no user 'nosuchuser'" in line


def test_a_voice_that_speaks_is_added(
    voice_path: Path, workspace: Workspace, db: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(workspace, "voices", "add", voice_path) == (0, "")
    assert capsys.readouterr().out.startswith("tiny: ")
    assert get_voice(db, "tiny").path == str(voice_path)


def test_a_copy_of_a_registered_voice_is_called_one(
    voice_path: Path, workspace: Workspace, db: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    call(workspace, "voices", "add", voice_path)
    copy = voice_path.with_name("copy.onnx")
    shutil.copy(voice_path, copy)
    shutil.copy(config_path_of(voice_path), config_path_of(copy))
    capsys.readouterr()
    assert call(workspace, "voices", "add", copy) == (0, "")
    assert capsys.readouterr().out == (f"{copy} is the same model as tiny ({voice_path}), which is used instead\n")
    assert [voice.path for voice in list_voices(db)] == [str(voice_path)]


def test_a_corrected_configuration_is_taken_when_the_voice_is_added_again(
    voice_path: Path, workspace: Workspace, db: sqlite3.Connection
) -> None:
    call(workspace, "voices", "add", voice_path)
    configure(voice_path, inference={"length_scale": 1.5})
    assert call(workspace, "voices", "add", voice_path) == (0, "")
    assert get_voice(db, "tiny").config["inference"] == {"length_scale": 1.5}


@pytest.mark.parametrize("name", ["tiny.onnx.json", "tiny.pbtxt", "tiny.textproto", "tiny.ckpt", "tiny.tar.gz"])
def test_a_file_that_is_no_model_gets_one_line(name: str, workspace: Workspace, tmp_path: Path) -> None:
    write_voice(tmp_path)
    path = tmp_path / name
    if not path.exists():
        path.write_bytes(b"\x0bsomething else")
    code, line = call(workspace, "voices", "add", path)
    assert (code, len(line.splitlines())) == (2, 1)
    assert str(path) in line
    if name.endswith("json"):
        assert line == f"{path} is a configuration, not a model: add {tmp_path / 'tiny.onnx'}"
