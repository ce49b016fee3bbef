"""`core.assistant.active_config`: what the assistant loads, and whether it matches the selection."""

from pathlib import Path

import pytest

from core.assistant.active_config import ActiveConfig, read_active_config
from core.engines.names import BY_PROVIDER
from core.settings import set_assistant
from core.workspace import Workspace
from tests.core.assistant.candidates import select, variant_of, voice_of

MADE = voice_of(variant_of("static-int8"), variant_of("coreml"))


def today(workspace: Workspace, tmp_path: Path, piper: str | None) -> ActiveConfig:
    """Read a configuration with these keys for Piper, or without the file."""
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
        # The selected variant counts only if the assistant can load it.
        ("voice_path: /v/static-int8.onnx", ["+coreml", "static-int8", "original"], "static-int8", True),
        ("voice_path: /v/original.onnx", [f"+{BY_PROVIDER}", "original"], "original", True),
        ("voice_path: /v/other.onnx", ["+original"], None, False),
        ("", ["+original"], None, False),
    ],
)
def test_the_loaded_variant_is_compared_with_the_selected_one(
    workspace: Workspace, tmp_path: Path, piper: str, selected: list[str], name: str | None, applied: bool
) -> None:
    read = today(workspace, tmp_path, piper)
    assert (read.problem, read.exists) == (None, False)
    assert read.variant_of(MADE) == name
    assert read.matches(MADE, select(*selected)) == applied


@pytest.mark.parametrize(("piper", "expected"), [(None, "does not exist: check the path"), ("a: [", "is not YAML")])
def test_an_unreadable_configuration_is_reported_in_one_line(
    workspace: Workspace, tmp_path: Path, piper: str | None, expected: str
) -> None:
    read = today(workspace, tmp_path, piper)
    assert read.problem
    assert expected in read.problem
    assert str(read.config) in read.problem


def test_invalid_settings_are_reported_too(workspace: Workspace) -> None:
    workspace.settings_file.write_text("assistent: x\n")
    problem = read_active_config(workspace, []).problem
    assert problem
    assert "unknown setting 'assistent'" in problem
