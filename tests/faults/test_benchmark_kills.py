"""Benchmarks whose processes are killed at random: no partial result is ever listed, and each benchmark completes."""

import os
import random
import signal
import sqlite3
import time
from contextlib import suppress

from core.records.benchmarks import ParallelRun, Sample, Startup, TextMetrics
from core.records.voices import Voice
from core.store.jobs import get_job
from core.store.results import list_parts, list_results
from core.workspace import Workspace
from jobs.submit import benchmark_job, submit
from jobs.worker_control import start_worker
from tests.long_runs import LONG
from tests.running import leftover_files, wait_for_end
from tests.waiting import wait_until

# About the duration of one benchmark.
_LONGEST_S = 4.0


def attempt_of(db: sqlite3.Connection, job_id: int, attempt: int) -> int | None:
    """Wait for the process of that attempt and return its id; None if the job ended before."""

    def look() -> tuple[int | None] | None:
        job = get_job(db, job_id)
        if job.ended:
            return (None,)
        return (job.process_group,) if job.attempt == attempt and job.process_group else None

    return wait_until(look)[0]


def assert_all_complete(db: sqlite3.Connection) -> None:
    for result in list_results(db):
        samples = list_parts(db, Sample, result.id)
        texts = {sample.text for sample in samples}
        assert len(texts) == 3
        assert [(sample.pair, sample.text) for sample in samples] == [
            (pair, text) for pair in range(result.pairs) for text in sorted(texts)
        ]
        assert {figures.text for figures in list_parts(db, TextMetrics, result.id)} == texts
        assert len(list_parts(db, Startup, result.id)) * 5 == result.pairs
        assert list_parts(db, ParallelRun, result.id)


def test_a_benchmark_killed_at_random_leaves_no_partial_result_and_completes(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, seed: int
) -> None:
    dice, count = random.Random(seed), 40 if LONG else 1
    start_worker(workspace)
    for number in range(count):
        (job_id,) = submit(workspace, db, benchmark_job(voice, []))
        for attempt in (1, 2):
            process = attempt_of(db, job_id, attempt)
            if process is None:
                break
            time.sleep(dice.uniform(0, _LONGEST_S))
            with suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
            assert_all_complete(db)
        assert wait_for_end(db, job_id).state == "succeeded"
        assert len({result.benchmark_id for result in list_results(db)}) == number + 1
    assert_all_complete(db)
    assert leftover_files(workspace) == []
