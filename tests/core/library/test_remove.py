"""`core.library.remove`: a voice is complete or gone, and only what was made for it is deleted."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.clock import now
from core.errors import InvalidInput, NotFound
from core.files import sha256_of
from core.library import remove as remove_module
from core.library.remove import finish_removals, plan_removal, remove_voice
from core.quality.recordings import recording_pair
from core.records.jobs import NewJob
from core.records.selections import Preference
from core.records.voices import Variant, Voice
from core.store.database import open_store, transaction
from core.store.jobs import add_job, list_jobs
from core.store.lifecycle import claim, finish
from core.store.queue_control import cancel
from core.store.results import list_results, put_benchmark
from core.store.selections import put_preference
from core.store.voices import get_voice, list_voices, put_variant
from core.variants.variant_files import variant_path
from core.voices.file import config_path_of, read_voice
from core.workspace import Workspace
from tests.factories import add_voice
from tests.measured import a_record, a_result


@pytest.fixture
def variant(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> Variant:
    """A variant with its files, a recording, a result, a job that has ended, and a preference."""
    path = variant_path(workspace, voice.folder, "static-int8")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"made")
    config_path_of(path).write_text("{}")
    recording = recording_pair(workspace, voice.folder, "static-int8")[0]
    recording.parent.mkdir(parents=True)
    recording.write_bytes(b"audio")
    made = replace(
        voice.variants[0], name="static-int8", path=str(path), sha256=sha256_of(path), recipe="static", created_at=now()
    )
    with transaction(db):
        put_variant(db, voice.id, made)
        put_preference(db, voice.id, Preference(pinned="static-int8"))
        put_benchmark(
            db, a_record("run", voice_id=voice.source_sha256, results=(a_result("one", "static-int8"),)), None
        )
        add_job(db, NewJob("quantize", voice.id, "static-int8", {}))
    job = claim(db)
    assert job is not None
    finish(db, job.id, job.attempt, "succeeded")
    workspace.job_log(job.id).write_text("log")
    return made


def files_of(workspace: Workspace) -> list[Path]:
    folders = (workspace.optimized_models, workspace.recordings, workspace.logs)
    return [path for folder in folders if folder.exists() for path in folder.rglob("*")]


def test_a_voice_goes_with_all_that_was_made_of_it_and_its_results_stay(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Variant
) -> None:
    removed = remove_voice(workspace, db, voice.key)
    assert (removed.files, removed.kept) == ((Path(variant.path), config_path_of(Path(variant.path))), ())
    assert (list_voices(db), list_jobs(db), files_of(workspace)) == ([], [], [])
    assert Path(voice.path).is_file()
    assert config_path_of(Path(voice.path)).is_file()
    (result,) = list_results(db)
    assert (result.id, result.voice_id) == ("one", voice.source_sha256)
    for table in ("variants", "selections", "selection_wishes", "job_events"):
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0


def test_a_voice_that_is_added_again_has_its_results(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Variant
) -> None:
    remove_voice(workspace, db, voice.key)
    again = add_voice(db, read_voice(Path(voice.path)))
    assert [result.voice for result in list_results(db, voice_id=again.source_sha256)] == [again.key]


def test_the_results_go_if_that_is_asked_for(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Variant
) -> None:
    with transaction(db):
        put_benchmark(db, a_record("other", voice_id="f" * 64, results=(a_result("two", "original"),)), None)
    assert remove_voice(workspace, db, voice.key, with_results=True).results == 1
    assert [result.id for result in list_results(db)] == ["two"]
    assert db.execute("SELECT id FROM benchmarks").fetchone()[0] == "other"


def test_a_file_that_is_not_what_was_made_stays(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Variant
) -> None:
    Path(variant.path).write_bytes(b"the user's")
    beside = Path(variant.path).with_name("notes.txt")
    beside.write_text("the user's, too")
    assert remove_voice(workspace, db, voice.key).kept == (Path(variant.path),)
    assert Path(variant.path).read_bytes() == b"the user's"
    assert beside.is_file()
    assert list_voices(db) == []


def test_a_variant_outside_of_the_workspace_is_not_deleted(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Variant, tmp_path: Path
) -> None:
    outside = Path(variant.path).rename(tmp_path / "static-int8.onnx")
    db.execute("UPDATE variants SET path = ? WHERE name = 'static-int8'", (str(outside),))
    remove_voice(workspace, db, voice.key)
    assert outside.is_file()


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_voice_with_jobs_that_have_not_ended_stays(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Variant, state: str
) -> None:
    with transaction(db):
        job_id = add_job(db, NewJob("quantize", voice.id, "int4", {}))
    if state == "running":
        claim(db)
    with pytest.raises(InvalidInput, match=rf"ttsdash jobs cancel {job_id}"):
        remove_voice(workspace, db, voice.key)
    assert get_voice(db, voice.key).variants[1] == variant
    assert Path(variant.path).is_file()
    cancel(db, job_id)
    if state == "queued":
        remove_voice(workspace, db, voice.key)


def test_a_removal_that_fails_changes_nothing(
    workspace: Workspace,
    db: sqlite3.Connection,
    voice: Voice,
    variant: Variant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    before = "\n".join(db.iterdump()), files_of(workspace)
    monkeypatch.setattr(remove_module, "delete_voice", fail)
    with pytest.raises(OSError, match="the disk is full"):
        remove_voice(workspace, db, voice.key)
    assert ("\n".join(db.iterdump()), files_of(workspace)) == before


def test_a_removal_whose_process_was_killed_before_it_committed_is_undone(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Variant
) -> None:
    before = sorted(files_of(workspace))
    for file in plan_removal(workspace, db, voice.key).files:
        file.rename(file.with_name(f".removed.{file.name}"))
    finish_removals(workspace, db)
    assert sorted(files_of(workspace)) == before


def test_a_removal_whose_process_was_killed_after_it_committed_is_finished(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remove_module, "_delete", lambda _: None)
    remove_voice(workspace, db, voice.key)
    monkeypatch.undo()
    assert list(workspace.optimized_models.rglob(".removed.*"))
    finish_removals(workspace, db)
    assert list(workspace.optimized_models.iterdir()) == []


def test_two_removals_at_once_remove_the_voice_once(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Variant
) -> None:
    with closing(open_store(workspace)) as other:
        remove_voice(workspace, other, voice.key)
    with pytest.raises(NotFound):
        remove_voice(workspace, db, voice.key)
