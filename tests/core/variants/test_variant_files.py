"""`core.variants.variant_files`: a variant is written under a hidden name, checked, and then renamed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from core.variants.checksums import checksum_of
from core.variants.kept_training import training_path_of
from core.variants.variant_files import (
    Draft,
    FolderDraft,
    InvalidVariant,
    check_variant,
    discard_drafts,
    variant_folder,
    variant_path,
)
from core.voices.file import config_path_of
from core.workspace import Workspace
from tests.vits import MULTI_SPEAKER, TINY, VitsShape, build_model, voice_config, write_voice


@pytest.fixture
def final(workspace: Workspace) -> Path:
    return variant_path(workspace, "amy", "small")


def test_a_variant_is_in_its_voices_folder(workspace: Workspace, final: Path) -> None:
    assert final == workspace.root / "optimized_models" / "amy" / "small.onnx"


@given(voice=st.text(max_size=20), name=st.text(max_size=20))
def test_no_name_leaves_the_workspace(voice: str, name: str, workspace: Workspace) -> None:
    path = variant_path(workspace, voice, name)
    assert path.resolve().parent.parent == workspace.optimized_models.resolve()
    assert path.suffix == ".onnx"


def test_a_draft_does_not_have_its_final_name_before_it_is_published(final: Path) -> None:
    draft = Draft(final, job_id=1)
    assert _visible(final.parent) == []
    draft.path.write_bytes(b"half")
    assert _visible(final.parent) == []
    draft.complete({"audio": {}})
    assert _visible(final.parent) == []
    draft.publish()
    assert _visible(final.parent) == ["small.onnx", "small.onnx.json"]
    draft.settle()
    assert len(list(final.parent.iterdir())) == 2


def test_published_files_are_complete_and_private(final: Path) -> None:
    draft = Draft(final, job_id=1)
    draft.path.write_bytes(b"model")
    config = {"name_native": "Deutsch – 漢"}
    draft.complete(config)
    draft.publish()
    assert final.read_bytes() == b"model"
    assert json.loads(config_path_of(final).read_text(encoding="utf-8")) == config
    assert {file.stat().st_mode & 0o777 for file in (final, config_path_of(final))} == {0o600}
    assert final.parent.stat().st_mode & 0o777 == 0o700


def test_a_variant_that_is_rebuilt_stays_until_the_new_one_is_published(final: Path) -> None:
    _publish(final, b"old")
    draft = Draft(final, job_id=2)
    draft.path.write_bytes(b"new")
    draft.complete({})
    assert final.read_bytes() == b"old"
    draft.publish()
    assert final.read_bytes() == b"new"


def test_the_state_of_a_training_is_published_and_restored_with_its_model(final: Path) -> None:
    state = training_path_of(final)
    for job_id, content in enumerate((b"old", b"new"), start=1):
        draft = Draft(final, job_id, trained=True)
        for file in (draft.path, training_path_of(draft.path)):
            file.write_bytes(content)
        draft.complete({})
        draft.publish()
        assert (final.read_bytes(), state.read_bytes()) == (content, content)
        if content == b"old":
            draft.settle()
    draft.discard()
    assert (final.read_bytes(), state.read_bytes()) == (b"old", b"old")
    assert state.stat().st_mode & 0o777 == 0o600
    assert _visible(final.parent) == ["small.onnx", "small.onnx.json", "small.onnx.training"]


def test_a_discarded_draft_leaves_nothing(final: Path) -> None:
    draft = Draft(final, job_id=1)
    draft.discard()
    draft.path.write_bytes(b"half")
    draft.complete({})
    draft.discard()
    draft.discard()
    assert list(final.parent.iterdir()) == []


def test_a_new_draft_of_the_same_job_starts_empty(final: Path) -> None:
    Draft(final, job_id=1).path.write_bytes(b"half")
    assert not Draft(final, job_id=1).path.exists()


def test_only_the_drafts_of_a_job_are_discarded(workspace: Workspace) -> None:
    drafts = {}
    for job_id in (1, 11, 21, 12):
        drafts[job_id] = Draft(variant_path(workspace, f"voice {job_id % 2}", "small"), job_id)
        drafts[job_id].path.write_bytes(b"half")
        drafts[job_id].complete({})
    _publish(variant_path(workspace, "voice 1", "job1"), b"published")
    before = set(workspace.optimized_models.rglob("*"))
    discard_drafts(workspace, 1, committed=False)
    gone = before - set(workspace.optimized_models.rglob("*"))
    assert gone == {drafts[1].path, config_path_of(drafts[1].path)}
    discard_drafts(workspace, 1, committed=False)
    discard_drafts(workspace, 99, committed=False)
    assert set(workspace.optimized_models.rglob("*")) == before - gone


@pytest.mark.parametrize("shape", [TINY, MULTI_SPEAKER], ids=["one speaker", "several"])
def test_a_copy_of_the_original_passes_the_check(shape: VitsShape, tmp_path: Path, final: Path) -> None:
    source = write_voice(tmp_path / "voices", shape)
    draft, log = Draft(final, job_id=1), []
    shutil.copyfile(source, draft.path)
    draft.complete(voice_config(shape))
    check_variant(source, draft.path, voice_config(shape), log.append)
    (line,) = log
    assert "speaks '1 2 3.' in" in line


def _speaks_nothing(model: onnx.ModelProto) -> None:
    _ends_in(model, "Slice", _ints(model, [0]), _ints(model, [0]), _ints(model, [3]))


def _speaks_nan(model: onnx.ModelProto) -> None:
    _ends_in(model, "Add", _add(model, np.array(np.nan, np.float32)))


def _speaks_infinity(model: onnx.ModelProto) -> None:
    _ends_in(model, "Add", _add(model, np.array(np.inf, np.float32)))


def _speaks_three_times(model: onnx.ModelProto) -> None:
    _ends_in(model, "Tile", _ints(model, [1, 1, 1, 3]))


def _speaks_a_part(model: onnx.ModelProto) -> None:
    _ends_in(model, "Slice", _ints(model, [0]), _ints(model, [2000]), _ints(model, [3]))


def _lacks_an_operator(model: onnx.ModelProto) -> None:
    _ends_in(model, "Frobnicate")


def _breaks_while_it_speaks(model: onnx.ModelProto) -> None:
    _ends_in(model, "Reshape", _ints(model, [1, 7]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_speaks_nothing, "produces no audio"),
        (_speaks_nan, "produces no audio"),
        (_speaks_infinity, "produces no audio"),
        (_speaks_three_times, "speaks 3.0 times as long"),
        (_speaks_a_part, "times as long"),
        (_lacks_an_operator, "does not run"),
        (_breaks_while_it_speaks, "does not run"),
    ],
)
def test_a_variant_that_speaks_something_else_is_refused(
    change: Callable[[onnx.ModelProto], None], message: str, voice_path: Path, final: Path
) -> None:
    model, draft = build_model(TINY), Draft(final, job_id=1)
    change(model)
    draft.path.write_bytes(model.SerializeToString())
    draft.complete(voice_config(TINY))
    assert message in _refused(voice_path, draft)


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_a_draft_that_is_not_a_model_is_refused(content: bytes, voice_path: Path, final: Path) -> None:
    draft = Draft(final, job_id=1)
    draft.path.write_bytes(content)
    draft.complete(voice_config(TINY))
    assert "does not run" in _refused(voice_path, draft)


def test_a_draft_with_a_configuration_that_piper_cannot_read_is_refused(voice_path: Path, final: Path) -> None:
    draft = Draft(final, job_id=1)
    shutil.copyfile(voice_path, draft.path)
    draft.complete({})
    assert "does not run" in _refused(voice_path, draft)


def _refused(source: Path, draft: Draft) -> str:
    with pytest.raises(InvalidVariant) as caught:
        check_variant(source, draft.path, voice_config(TINY), lambda line: None)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert len(message) < 300
    return message


def _publish(final: Path, content: bytes) -> None:
    draft = Draft(final, job_id=1000)
    draft.path.write_bytes(content)
    draft.complete({})
    draft.publish()
    draft.settle()


def _visible(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if not file.name.startswith("."))


def _ends_in(model: onnx.ModelProto, op_type: str, *inputs: str) -> None:
    """Append a node after the last one."""
    model.graph.node[-1].output[0] = "spoken"
    model.graph.node.append(helper.make_node(op_type, ["spoken", *inputs], ["output"]))


def _ints(model: onnx.ModelProto, values: list[int]) -> str:
    return _add(model, np.array(values, np.int64))


def _add(model: onnx.ModelProto, values: np.ndarray) -> str:
    name = f"added {len(model.graph.initializer)}"
    model.graph.initializer.append(numpy_helper.from_array(values, name))
    return name


@pytest.fixture
def folder(workspace: Workspace) -> Path:
    return variant_folder(workspace, "amy", "coreml")


def _file_draft(workspace: Workspace, content: bytes, job_id: int = 1) -> Draft:
    draft = Draft(variant_path(workspace, "amy", "small"), job_id)
    draft.path.write_bytes(content)
    draft.complete({"dataset": content.decode()})
    return draft


def _folder_draft(workspace: Workspace, content: bytes, job_id: int = 1) -> FolderDraft:
    draft = FolderDraft(variant_folder(workspace, "amy", "coreml"), job_id, model="front.onnx")
    (draft.path / "body").mkdir()
    (draft.path / "front.onnx").write_bytes(content)
    (draft.path / "body" / "weights").write_bytes(content * 2)
    draft.complete({"audio": {}})
    return draft


def test_a_folder_gets_its_name_when_it_is_complete(workspace: Workspace, folder: Path) -> None:
    draft = _folder_draft(workspace, b"model")
    assert _visible(folder.parent) == []
    made = checksum_of(draft.path)
    draft.publish()
    assert _visible(folder.parent) == ["coreml"]
    assert checksum_of(folder) == made
    assert json.loads((folder / "front.onnx.json").read_text()) == {"audio": {}}
    assert {entry.stat().st_mode & 0o777 for entry in folder.rglob("*")} == {0o600, 0o700}
    assert folder.stat().st_mode & 0o777 == 0o700


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(params=[True, False], ids=["links", "no links"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also without hard links, as on file systems that have none."""

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError

    if not request.param:
        monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("replaces", [False, True], ids=["the first", "another"])
@pytest.mark.parametrize("draft_of", [_file_draft, _folder_draft])
@pytest.mark.parametrize(
    ("end", "stays"),
    [
        (lambda workspace, draft: discard_drafts(workspace, 2, committed=True), True),
        (lambda workspace, draft: draft.settle(), True),
        (lambda workspace, draft: discard_drafts(workspace, 2, committed=False), False),
        (lambda workspace, draft: draft.discard(), False),
    ],
    ids=["stored, and killed", "stored", "killed", "failed"],
)
def test_a_rename_stays_if_it_was_committed_and_is_undone_otherwise(
    end: Callable[[Workspace, Draft | FolderDraft], None],
    stays: bool,
    draft_of: Callable[[Workspace, bytes, int], Draft | FolderDraft],
    replaces: bool,
    workspace: Workspace,
) -> None:
    if replaces:
        old = draft_of(workspace, b"old", 1)
        old.publish()
        old.settle()
    before = _contents(workspace.optimized_models)
    draft = draft_of(workspace, b"new", 2)
    made = checksum_of(draft.path)
    draft.publish()
    assert checksum_of(draft.final) == made
    for _ in range(2):
        end(workspace, draft)
        left = _contents(workspace.optimized_models)
        assert (checksum_of(draft.final) == made) if stays else (left == before)
        assert [path for path in left if "/." in path] == []


@pytest.mark.parametrize("draft_of", [_file_draft, _folder_draft])
def test_an_entry_of_another_kind_with_the_variants_name_is_restored_too(
    draft_of: Callable[[Workspace, bytes, int], Draft | FolderDraft], workspace: Workspace
) -> None:
    draft = draft_of(workspace, b"new", 1)
    if draft.path.is_dir():
        draft.final.write_bytes(b"a file")
    else:
        draft.final.mkdir()
    kind = draft.final.stat().st_mode
    draft.publish()
    assert draft.final.stat().st_mode != kind
    discard_drafts(workspace, 1, committed=False)
    assert draft.final.stat().st_mode == kind


@pytest.mark.parametrize("there", [True, False], ids=["a link", "a dangling link"])
def test_a_link_with_the_folders_name_is_replaced_and_its_target_stays(
    there: bool, workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    if there:
        elsewhere.mkdir()
    folder.parent.mkdir(parents=True)
    folder.symlink_to(elsewhere)
    _folder_draft(workspace, b"model").publish()
    discard_drafts(workspace, 1, committed=False)
    assert folder.is_symlink()
    _folder_draft(workspace, b"model").publish()
    discard_drafts(workspace, 1, committed=True)
    assert (folder / "front.onnx").read_bytes() == b"model"
    assert [entry.name for entry in folder.parent.iterdir()] == ["coreml"]
    assert elsewhere.exists() == there
