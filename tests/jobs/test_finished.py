"""The file in which a job keeps what it has finished."""

import json
import sqlite3
from dataclasses import replace

from core.records.benchmarks import TextSound
from core.records.voices import Voice
from core.store.jobs import get_job
from core.store.lifecycle import claim
from core.workspace import Workspace
from jobs.finished import FinishedWork, keep, read_kept
from jobs.submit import benchmark_job, submit
from tests.measured import a_record, a_result


def test_kept_work_is_read_as_it_was_kept_also_that_of_a_version_without_the_sound_of_each_text(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    job_id = submit(workspace, db, benchmark_job(voice, []))[0]
    assert claim(db)
    job = get_job(db, job_id)
    result = replace(a_result("r", "int4", worst_pesq=3.5), sounds=(TextSound("short", 0.0, 1.5, None, 0.9),))
    work = FinishedWork({"results": ["r"]}, benchmark=replace(a_record("b"), results=(result,)))
    keep(workspace, job.id, job.attempt, work)
    assert read_kept(workspace, job) == work

    path = workspace.finished(job.id, job.attempt)
    kept = json.loads(path.read_bytes())
    (of_result,) = kept["benchmark"]["results"]
    del of_result["sounds"], of_result["figures"]["worst_pesq"]
    path.write_text(json.dumps(kept))
    older = read_kept(workspace, job)
    assert older and older.benchmark
    (read,) = older.benchmark.results
    assert (read.sounds, read.metrics.worst_pesq, read.metrics.pesq) == ((), None, result.metrics.pesq)
