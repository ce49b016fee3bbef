"""Files made to hang, to mislead or to reach outside: each is refused, or does no harm."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from core.benchmark.texts import texts_from, written_texts
from core.graph.model import read_model
from core.store.database import open_store, transaction
from core.variants.variant_files import Draft, discard_drafts, variant_path
from core.voices.file import config_path_of, read_voice
from core.workspace import Workspace, find_workspace
from tests.core.other_process import in_another_process
from tests.core.refusals import refusal
from tests.vits import TINY, build_model, voice_config, write_voice


def _fifo(path: Path) -> Path:
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    return path


def test_a_pipe_in_the_place_of_a_file_hangs_nothing(tmp_path: Path) -> None:
    voice = write_voice(tmp_path / "voice")
    refusal(read_voice, voice, names=_fifo(config_path_of(voice)))
    refusal(read_voice, _fifo(voice), names=voice)
    refusal(texts_from, _fifo(tmp_path / "texts"), names=tmp_path / "texts")
    _fifo(tmp_path / "data.db")
    assert find_workspace(start=tmp_path).root != tmp_path
    refusal(open_store, Workspace(tmp_path), names=tmp_path / "data.db")


def test_looking_for_the_workspace_keeps_the_locks_of_an_open_store(tmp_path: Path) -> None:
    """Closing a second descriptor of the file would drop them, and the other process would delete the log."""
    workspace = Workspace(tmp_path / "workspace")
    db = open_store(workspace)
    with transaction(db):
        db.execute("INSERT INTO machines VALUES ('a', '{}')")
    log = workspace.root / "data.db-wal"
    before = log.stat().st_ino
    assert find_workspace(start=workspace.root) == workspace
    in_another_process(workspace)
    assert log.stat().st_ino == before


def _external(location: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    return change


def _external_constant(model: onnx.ModelProto) -> None:
    value = onnx.TensorProto(name="value", data_type=1, dims=[4], data_location=onnx.TensorProto.EXTERNAL)
    value.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.insert(0, onnx.helper.make_node("Constant", [], ["constant"], value=value))


def _no_opset(model: onnx.ModelProto) -> None:
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_external("weights.bin"), "keeps weights in another file"),
        (_external("../weights.bin"), "points outside its folder"),
        (_external("a\0b"), "points outside its folder"),
        (_external_constant, "points outside its folder"),
        (_no_opset, "does not declare its ONNX opset"),
    ],
)
def test_a_model_that_reaches_elsewhere_is_refused(
    change: Callable[[onnx.ModelProto], None], message: str, tmp_path: Path
) -> None:
    path = write_voice(tmp_path)
    model = build_model(TINY)
    change(model)
    path.write_bytes(model.SerializeToString())
    assert message in refusal(read_model, path, names=path)


def test_an_operator_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    path = write_voice(tmp_path)
    path.write_bytes(build_model(TINY).SerializeToString().replace(b"\x22\x06Gather", b"\x22\x06\xffather", 1))
    refusal(read_model, path, names=path)


@pytest.mark.parametrize(
    "lie",
    [
        {"inference": []},
        {"inference": {"length_scale": "x"}},
        {"inference": {"noise_scale": "loud"}},
        {"phoneme_id_map": {"a": 5}},
    ],
)
def test_a_configuration_that_cannot_be_is_refused(lie: dict[str, Any], tmp_path: Path) -> None:
    path = write_voice(tmp_path)
    config_path_of(path).write_text(json.dumps(voice_config(TINY) | lie))
    refusal(read_voice, path, names=config_path_of(path))


def test_a_newline_in_a_files_name_does_not_break_the_line(tmp_path: Path) -> None:
    path = write_voice(tmp_path, name="a\nb")
    config_path_of(path).unlink()
    assert "a\\nb" in refusal(read_voice, path, names=tmp_path)


@pytest.mark.parametrize("language", ["/etc/passwd", "../../core/benchmark/text_sets/de", "x" * 300, "\0"])
def test_a_voices_language_names_no_file(language: str) -> None:
    assert written_texts(language) is None


def test_a_byte_order_mark_is_not_spoken(tmp_path: Path) -> None:
    path = tmp_path / "texts"
    path.write_bytes(b"\xef\xbb\xbfHello.\n")
    assert texts_from(path).texts == {"line 1": "Hello."}


def test_the_longest_names_can_be_written(tmp_path: Path) -> None:
    Draft(variant_path(Workspace(tmp_path), "字" * 300, "字" * 300), 123456).path.write_bytes(b"x")


def test_a_variant_named_like_a_draft_is_not_taken_for_one(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    draft = Draft(variant_path(workspace, "voice", "a.job1.b"), 2)
    draft.path.write_bytes(b"x")
    discard_drafts(workspace, 1, committed=False)
    assert draft.path.exists()
