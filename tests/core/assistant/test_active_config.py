"""`core.assistant.active_config`: what the workspace's assistant loads, and whether that was selected."""

from pathlib import Path

import pytest

from core.assistant.active_config import ActiveConfig, read_active_config
from core.engines.names import BY_PROVIDER
from core.settings import set_assistant
from core.workspace import Workspace
from tests.core.assistant.test_changes import select, variant_of, voice_of

MADE = voice_of(variant_of("static-int8"), variant_of("coreml"))


def today(workspace: Workspace, tmp_path: Path, piper: str | None) -> ActiveConfig:
    """With a configuration that says this of Piper, or without the file."""
    config = tmp_path / "assistant.yaml"
    if piper is not None:
        config.write_text(f"models: {{tts: {{piper: {{{piper}}}}}}}\n")
    set_assistant(workspace, config)
    return read_active_config(workspace, [MADE])


def test_without_a_setting_nothing_is_known(workspace: Workspace) -> None:
    assert read_active_config(workspace, [MADE]) == ActiveConfig()


@pytest.mark.parametrize(
    ("piper", "selected", "name", "applied"),
    [
        ("voice_path: /v/static-int8.onnx", ["+static-int8", "original"], "static-int8", True),
        ("voice_path: /v/original.onnx", ["+static-int8", "original"], "original", False),
        ("fallback_path: /v/original.onnx", ["-static-int8", "+original"], "original", True),
        # What today's assistant cannot load, it need not load.
        ("voice_path: /v/static-int8.onnx", ["+coreml", "static-int8", "original"], "static-int8", True),
        ("voice_path: /v/original.onnx", [f"+{BY_PROVIDER}", "original"], "original", True),
        ("voice_path: /v/other.onnx", ["+original"], None, False),
        ("", ["+original"], None, False),
    ],
)
def test_what_is_loaded_is_held_against_what_was_selected(
    workspace: Workspace, tmp_path: Path, piper: str, selected: list[str], name: str | None, applied: bool
) -> None:
    read = today(workspace, tmp_path, piper)
    assert (read.problem, read.exists) == (None, False)
    assert read.variant_of(MADE) == name
    assert read.matches(MADE, select(*selected)) == applied


@pytest.mark.parametrize(("piper", "says"), [(None, "does not exist: check the path"), ("a: [", "is not YAML")])
def test_what_cannot_be_read_is_told_in_one_line(
    workspace: Workspace, tmp_path: Path, piper: str | None, says: str
) -> None:
    read = today(workspace, tmp_path, piper)
    assert read.problem
    assert says in read.problem
    assert str(read.config) in read.problem


def test_settings_that_are_none_are_told_too(workspace: Workspace) -> None:
    workspace.settings_file.write_text("assistent: x\n")
    problem = read_active_config(workspace, []).problem
    assert problem
    assert "unknown setting 'assistent'" in problem
