"""The fixtures of the tests of `core`."""

import sqlite3
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, settings

from core.records.voices import Voice
from tests.core.voice_files import voice_file
from tests.factories import add_voice
from tests.vits import TINY, build_model

# A busy machine is no failure, and all examples may share the fixtures of a function, which only name a folder.
settings.register_profile("core", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.load_profile("core")


@pytest.fixture(autouse=True)
def nothing_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the workspace of the user who runs the tests."""
    monkeypatch.delenv("TTSDASH_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))


@pytest.fixture
def tiny_model() -> onnx.ModelProto:
    """Return the model of a tiny voice, which the test may change."""
    return build_model(TINY)


@pytest.fixture
def stored(db: sqlite3.Connection) -> Voice:
    """Return a registered voice without files."""
    return add_voice(db, voice_file())


@pytest.fixture(autouse=True, scope="session")
def no_spinning_threads() -> None:
    """Keep threads of ONNX Runtime from spinning while they wait: test processes share the cores."""
    make = onnxruntime.InferenceSession.__init__

    def make_calm(self: Any, model: Any, sess_options: Any = None, *more: Any, **named: Any) -> None:
        options = sess_options or onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        make(self, model, options, *more, **named)

    onnxruntime.InferenceSession.__init__ = make_calm
