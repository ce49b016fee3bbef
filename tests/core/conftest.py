"""What the tests of `core` share."""

import sqlite3
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, settings

from core.records.voices import Voice
from core.store.voices import add_voice
from tests.core.voice_files import voice_file
from tests.vits import TINY, build_model

# A busy machine is no finding; and a function's fixtures may serve all examples, as they only name a folder.
settings.register_profile("core", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.load_profile("core")


@pytest.fixture(autouse=True)
def nothing_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test may find, let alone touch, the workspace of whoever runs it."""
    monkeypatch.delenv("TTSDASH_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))


@pytest.fixture
def tiny_model() -> onnx.ModelProto:
    """The model of a tiny voice, to be damaged."""
    return build_model(TINY)


@pytest.fixture
def stored(db: sqlite3.Connection) -> Voice:
    """A registered voice, where its files do not matter."""
    return add_voice(db, voice_file())


@pytest.fixture(autouse=True, scope="session")
def no_spinning_threads() -> None:
    """Test processes share the cores: a thread of ONNX Runtime that spins while it waits takes them from the others."""
    make = onnxruntime.InferenceSession.__init__

    def make_calm(self: Any, model: Any, sess_options: Any = None, *more: Any, **named: Any) -> None:
        options = sess_options or onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        make(self, model, options, *more, **named)

    onnxruntime.InferenceSession.__init__ = make_calm
