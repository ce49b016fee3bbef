"""Jobs whose voice is exported again while they run: what they made or measured is not kept."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import InvalidInput
from core.records.jobs import NewJob
from core.records.voices import Voice
from core.store.lifecycle import claim, finish
from core.store.results import list_results
from core.store.voices import get_voice
from core.voices.file import config_path_of, read_voice
from core.workspace import Workspace
from jobs.context import JobContext
from jobs.kinds import KINDS
from jobs.submit import benchmark_job, submit, variant_job
from tests.factories import add_voice
from tests.running import leftover_files
from tests.vits import VitsShape, write_voice


def export_again(path: Path) -> None:
    new = write_voice(path.parent / "export", VitsShape(seed=7), path.stem)
    new.replace(path)


def change_config(path: Path) -> None:
    config = config_path_of(path)
    config.write_text(config.read_text().replace("22050", "16000"))


def run(workspace: Workspace, db: sqlite3.Connection, voice: Voice, new: NewJob, at: Callable[[str], None]) -> None:
    """Run a job in this process, and call `at` with each stage that it reports."""
    submit(workspace, db, new)
    job = claim(db)
    assert job is not None
    workspace.scratch(job.id).mkdir(parents=True)
    context = JobContext(workspace, db, job, get_voice(db, voice.key), job.attempt, lambda stage, _: at(stage))
    KINDS[job.kind](context)
    finish(db, job.id, job.attempt, "succeeded")


@pytest.mark.parametrize("change", [export_again, change_config])
@pytest.mark.parametrize("stage", ["reading the original", "checking the variant"])
def test_a_variant_of_files_that_change_meanwhile_is_not_published(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, change: Callable[[Path], None], stage: str
) -> None:
    def at(reached: str) -> None:
        if reached == stage:
            change(Path(voice.path))

    with pytest.raises(InvalidInput, match="has changed since it was added: add it again"):
        run(workspace, db, voice, variant_job(voice, "guide"), at)
    assert [variant.name for variant in get_voice(db, voice.key).variants] == ["original"]
    assert [path for path in leftover_files(workspace) if "scratch" not in str(path)] == []


def test_figures_of_a_file_that_changes_meanwhile_are_not_stored(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    changed = []

    def at(stage: str) -> None:
        if stage.startswith("pair 1") and not changed:
            changed.append(stage)
            export_again(Path(voice.path))

    with pytest.raises(InvalidInput, match="changed while it was measured"):
        run(workspace, db, voice, benchmark_job(voice, [], threads=[1]), at)
    assert list_results(db) == []


def test_an_outdated_variant_is_not_measured(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    run(workspace, db, voice, variant_job(voice, "guide"), lambda _: None)
    export_again(Path(voice.path))
    add_voice(db, read_voice(Path(voice.path)))
    with pytest.raises(InvalidInput, match="cannot be measured: outdated"):
        run(workspace, db, voice, benchmark_job(voice, ["dynamic-int8-guide"], threads=[1]), lambda _: None)
    assert list_results(db) == []
