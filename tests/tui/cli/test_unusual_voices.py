"""Voices that are halves, in several files, or quantized already, as the command line takes or refuses them."""

import json
import shutil
from pathlib import Path

from core.voices.file import config_path_of
from core.workspace import Workspace
from tests.core.quantize.making import make
from tests.running import refused, ttsdash, ttsdash_json
from tests.vits.halves import write_halves


def test_both_halves_are_added_by_their_folder_and_used_by_the_name_of_it(workspace: Workspace, tmp_path: Path) -> None:
    folder = write_halves(tmp_path / "amy-streaming")
    added = ttsdash(workspace, "voices", "add", folder)
    assert added.stdout.startswith("amy-streaming: ")
    assert f"joined from several files: {workspace.voices}" in added.stdout
    voice = ttsdash_json(workspace, "voices", "show", "amy-streaming")
    assert voice["graph"]["unrecognized"] is None
    again = ttsdash_json(workspace, "voices", "add", folder / "encoder.onnx")
    assert again == voice | {"change": "unchanged"}


def test_half_a_voice_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    encoder = write_halves(tmp_path / "amy", config="encoder.onnx.json") / "encoder.onnx"
    encoder.with_name("decoder.onnx").unlink()
    for command in (("voices", "add", encoder), ("optimize", "--model", encoder, "--dynamic")):
        assert "is only the encoder of a streaming voice" in refused(ttsdash(workspace, *command), 2)


def test_a_quantized_voice_is_kept_but_no_variant_of_it_is_queued(
    workspace: Workspace, voice_path: Path, tmp_path: Path
) -> None:
    quantized = tmp_path / "small.onnx"
    make("guide", voice_path, quantized)
    shutil.copy(config_path_of(voice_path), config_path_of(quantized))
    assert "it is already quantized" in ttsdash(workspace, "voices", "add", quantized).stdout
    for flag in ("--all", "--dynamic", "--optimized"):
        assert "small is already quantized" in refused(ttsdash(workspace, "optimize", "--model", "small", flag), 2)
    assert "cannot be made: optimized, dynamic-int8" in ttsdash(workspace, "voices", "show", "small").stdout
    assert json.loads(ttsdash(workspace, "jobs", "list", "--json").stdout) == []
