"""A benchmark job of variants of which some are no more what was made."""

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
from jobs.submit import benchmark_job, submit


@pytest.fixture
def made(db: sqlite3.Connection, voice: Voice, tmp_path: Path) -> dict[str, Path]:
    """Two variants, in truth copies of the original."""
    paths = {}
    for name in ("static-int8", "int4"):
        paths[name] = Path(shutil.copyfile(voice.path, tmp_path / f"{name}.onnx"))
        config_path_of(paths[name]).write_text(json.dumps(voice.config))
        original = voice.variant("original")
        variant: Variant = replace(original, name=name, path=str(paths[name]), sha256=sha256_of(paths[name]))
        put_variant(db, voice.id, replace(variant, recipe="static"))
    return paths


def measure(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    submit(workspace, db, benchmark_job(voice, ["static-int8", "int4"], threads=[1]))
    job = claim(db)
    assert job is not None
    workspace.scratch(job.id).mkdir(parents=True)
    benchmark.run(JobContext(workspace, db, job, get_voice(db, voice.key), job.attempt, lambda stage, share: None))


def test_what_is_gone_is_listed_with_the_reason_and_the_others_are_measured(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, made: dict[str, Path]
) -> None:
    made["int4"].unlink()
    measure(workspace, db, voice)
    results = {result.variant: result for result in list_results(db)}
    assert results["static-int8"].speedup is not None
    assert (results["int4"].speedup, results["int4"].grade) == (None, None)
    assert results["int4"].unmeasured["speedup"] == f"missing: {made['int4']}"


def test_when_none_of_them_is_what_was_made_the_job_is_reported(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, made: dict[str, Path]
) -> None:
    made["int4"].unlink()
    made["static-int8"].write_bytes(b"another")
    with pytest.raises(
        InvalidInput, match=r"static-int8 cannot be measured: checksum differs: .*; add or make it again"
    ):
        measure(workspace, db, voice)
    assert list_results(db) == []
