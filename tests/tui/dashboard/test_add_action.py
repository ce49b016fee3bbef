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
from tui.dashboard.actions import Actions
from tui.dashboard.environment import Environment


def test_a_voice_is_added_and_its_copy_is_called_one(
    workspace: Workspace, db: sqlite3.Connection, voice_path: Path
) -> None:
    actions = Actions(workspace, Environment())
    assert actions.add_voice(str(voice_path)).text.startswith("Added tiny")
    copy = voice_path.with_name("copy.onnx")
    shutil.copy(voice_path, copy)
    shutil.copy(config_path_of(voice_path), config_path_of(copy))
    assert actions.add_voice(str(copy)).text == f"{copy} is a copy of tiny, which is registered already"


def test_a_voice_that_cannot_speak_is_refused_with_its_cause(workspace: Workspace, voice_path: Path) -> None:
    config_path_of(voice_path).write_text(json.dumps(voice_config(TINY) | {"espeak": {"voice": "xx"}}))
    with pytest.raises(InvalidInput, match=r"espeak-ng does not know, 'xx': set espeak\.voice to 'en-us'"):
        Actions(workspace, Environment()).add_voice(str(voice_path))
