"""Adding a voice from the dashboard: what it reports."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from core.errors import InvalidInput
from core.voices.file import config_path_of
from core.workspace import Workspace
from tests.vits import TINY, voice_config
from tui.dashboard.subcommand import Subcommand
from tui.dashboard.voice_actions import voice_added


def add(workspace: Workspace, path: Path) -> str:
    """Add a voice as the dialog does, and return what it reports."""
    return voice_added(Subcommand(workspace, "voices", "add", str(path)).run()).text


def test_a_voice_is_added_and_its_copy_is_called_one(
    workspace: Workspace, db: sqlite3.Connection, voice_path: Path
) -> None:
    assert add(workspace, voice_path).startswith("Added tiny")
    copy = voice_path.with_name("copy.onnx")
    shutil.copy(voice_path, copy)
    shutil.copy(config_path_of(voice_path), config_path_of(copy))
    assert add(workspace, copy) == f"This is the same model as tiny ({voice_path}), which is used instead"


def test_a_voice_that_cannot_speak_is_refused_with_its_cause(workspace: Workspace, voice_path: Path) -> None:
    config_path_of(voice_path).write_text(json.dumps(voice_config(TINY) | {"espeak": {"voice": "xx"}}))
    with pytest.raises(InvalidInput, match=r"espeak-ng does not know, 'xx': set espeak\.voice to 'en-us'"):
        add(workspace, voice_path)
