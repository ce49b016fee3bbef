"""A benchmark job when some of its variants are missing or changed."""

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InvalidInput
from core.files import sha256_of
from core.records.voices import Variant, Voice
from core.store.lifecycle import claim
from core.store.results import list_results
from core.store.voices import get_voice, put_variant
from core.voices.file import config_path_of
from core.workspace import Workspace
from jobs.context import JobContext
from jobs.kinds import benchmark
from jobs.submit import benchmark_job, submit, submit_benchmark


@pytest.fixture
def variant_paths(db: sqlite3.Connection, voice: Voice, tmp_path: Path) -> dict[str, Path]:
    """Two variants that are copies of the original."""
    paths = {}
    for name in ("static-int8", "int4"):
        paths[name] = Path(shutil.copyfile(voice.path, tmp_path / f"{name}.onnx"))
        config_path_of(paths[name]).write_text(json.dumps(voice.config))
        original = voice.variant("original")
        variant: Variant = replace(original, name=name, path=str(paths[name]), sha256=sha256_of(paths[name]))
        put_variant(db, voice.id, replace(variant, recipe="static"))
    return paths


def run_benchmark(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    submit(workspace, db, benchmark_job(voice, ["static-int8", "int4"], threads=[1]))
    run_next(workspace, db, voice)


def run_next(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    job = claim(db)
    assert job is not None
    workspace.scratch(job.id).mkdir(parents=True)
    benchmark.run(JobContext(workspace, db, job, get_voice(db, voice.key), job.attempt, lambda stage, share: None))


def test_a_missing_variant_is_listed_with_the_reason_and_the_others_are_measured(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant_paths: dict[str, Path]
) -> None:
    variant_paths["int4"].unlink()
    run_benchmark(workspace, db, voice)
    results = {result.variant: result for result in list_results(db)}
    assert results["static-int8"].speedup is not None
    assert (results["int4"].speedup, results["int4"].grade) == (None, None)
    assert results["int4"].unmeasured["speedup"] == f"missing: {variant_paths['int4']}"


def test_a_benchmark_fails_if_every_variant_is_missing_or_changed(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant_paths: dict[str, Path]
) -> None:
    variant_paths["int4"].unlink()
    variant_paths["static-int8"].write_bytes(b"another")
    with pytest.raises(
        InvalidInput, match=r"static-int8 cannot be measured: checksum differs: .*; add or make it again"
    ):
        run_benchmark(workspace, db, voice)
    assert list_results(db) == []


def test_texts_that_changed_since_a_benchmark_was_queued_are_another_benchmark(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("Good morning.")

    def queue() -> tuple[int, ...]:
        return submit_benchmark(workspace, db, benchmark_job(voice, [], texts_file=str(texts))).ids

    assert queue() == queue() == (1,)
    texts.write_text("Good evening.")
    assert queue() == (2,)
    with pytest.raises(InvalidInput, match=r"texts.txt has changed since this benchmark was queued: queue it again"):
        run_next(workspace, db, voice)
