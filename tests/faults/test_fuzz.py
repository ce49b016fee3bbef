"""Broken voices: adding one refuses it or takes it, and a job on one ends with one line, whatever is in its files."""

import json
import logging
import random
import re
import resource
import signal
import sqlite3
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput
from core.files import sha256_of
from core.records.jobs import Job, NewJob
from core.records.resources import DEFAULT_RESOURCES
from core.records.voices import Voice
from core.store.database import open_store
from core.store.jobs import get_job, list_events, open_ids
from core.text import escape_control
from core.voices.file import VoiceFile, config_path_of, read_voice
from core.voices.trial import try_voice
from core.workspace import Workspace
from jobs.lock import running_worker
from jobs.submit import benchmark_job, submit, variant_job
from jobs.worker_control import start_worker, stop_worker
from tests.factories import add_voice
from tests.faults.mutations import KINDS, NASTY_NAMES, Mutant, mutate
from tests.long_runs import LONG
from tests.running import leftover_files, processes_of
from tests.vits import TINY, voice_config
from tests.waiting import wait_until

# By hand the programs that are started may have every core.
pytestmark = [pytest.mark.all_cores] if LONG else []

_COUNT = 500 if LONG else 8
_LONGEST_S = 90
_LONGEST_TRIAL_S = 15
_MOST_BYTES = 8 * 2**30
_MEMORY_MB = 2000
_RECIPES = ("guide", "optimized", "dynamic", "static", "int4", *(["coreml"] if LONG else []))
# What only those who wrote the code can use.
_NOT_FOR_USERS = re.compile(
    r"^[\w.]+(Error|Exception|Warning|Fail|Argument|Graph|Iteration)\b|\[ONNXRuntimeError\]|Traceback"
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Case:
    """A broken voice on disk."""

    path: Path
    mutant: Mutant

    def __str__(self) -> str:
        return f"{self.mutant.kind} ({self.path})"


@pytest.fixture
def cases(tmp_path: Path, seed: int) -> list[Case]:
    dice, found = random.Random(seed), []
    kinds = [kind for _ in range(0, _COUNT, len(KINDS)) for kind in dice.sample(KINDS, len(KINDS))]
    for number, kind in enumerate(kinds[:_COUNT]):
        mutant = mutate(kind, dice, number)
        folder = tmp_path / "voices" / str(number)
        folder.mkdir(parents=True)
        path = folder / f"{dice.choice(NASTY_NAMES) if dice.random() < 0.3 else 'tiny'}.onnx"
        path.write_bytes(mutant.model)
        config_path_of(path).write_bytes(mutant.config)
        found.append(Case(path, mutant))
    return found


def wrong_with_line(line: str) -> str | None:
    if line != escape_control(line) or len(line) > 300:
        return f"not one printable line of at most 300 characters: {line!r}"
    return f"not for users: {line!r}" if _NOT_FOR_USERS.search(line) else None


def add(path: Path, home: Path) -> str | None:
    """Return why the voice is refused, in a separate process; None if it is not."""
    # One that hangs ends the process, as does one that crashes.
    signal.alarm(_LONGEST_S)
    with closing(open_store(Workspace(home))) as db:
        try:
            file = read_voice(path)
            try_voice(file.path, file.config, _LONGEST_TRIAL_S)
            add_voice(db, file)
        except InvalidInput as refusal:
            return str(refusal)
    return None


def limit_memory() -> None:
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))


def wrong_with_adding(case: Case, home: Path, pool: ProcessPoolExecutor) -> str | None:
    """Raises BrokenProcessPool."""
    try:
        line = pool.submit(add, case.path, home).result()
    except BrokenProcessPool:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it raises is what is wrong
        return repr(error)
    _log.info("%s\t%s", case, line or "added")
    # The file's own name may be long.
    return wrong_with_line(line.replace(escape_control(str(case.path)), "")) if line else None


def test_a_broken_voice_is_refused_with_one_line_or_added(cases: list[Case], workspace: Workspace) -> None:
    said: list[str | None] = []
    left = iter(cases)
    while len(said) < len(cases):
        with ProcessPoolExecutor(1, get_context("spawn"), limit_memory) as pool, suppress(BrokenProcessPool):
            for case in left:
                said.append("crashed, or took too long")
                said[-1] = wrong_with_adding(case, workspace.root, pool)
    assert [f"{case}: {why}" for case, why in zip(cases, said, strict=True) if why] == []


def register(db: sqlite3.Connection, case: Case) -> Voice:
    """As if it had been accepted once, by a version that looks less closely; with the plain configuration where none could."""
    try:
        config = json.loads(case.mutant.config)
        return add_voice(db, _voice_file(case.path, config))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, sqlite3.Error):
        return add_voice(db, _voice_file(case.path, voice_config(TINY)))


def _voice_file(path: Path, config: Any) -> VoiceFile:
    anatomy: dict[str, Any] = {"parts": [], "upsampling_stages": 3, "opset": 15}
    return VoiceFile(path, sha256_of(path), path.stat().st_size, config, anatomy)


def draw_jobs(dice: random.Random, voice: Voice) -> list[NewJob]:
    """As many run side by side as there are slots."""
    jobs = [replace(variant_job(voice, dice.choice(_RECIPES)), resources=DEFAULT_RESOURCES)]
    return [*jobs, benchmark_job(voice, [], threads=[1])] if LONG and dice.random() < 0.25 else jobs


def wrong_with_end(db: sqlite3.Connection, job: Job) -> str | None:
    ends = [event.event for event in list_events(db, job.id) if event.event in ("succeeded", "failed", "cancelled")]
    if ends != [job.state] or job.attempt != 1:
        return f"{job.attempt} attempts, ends: {ends}"
    if (job.peak_mb or 0) > 2 * _MEMORY_MB:
        return f"took {job.peak_mb} MB"
    return wrong_with_line(job.error or "") if job.state == "failed" else None


def test_jobs_on_broken_voices_end_with_one_line_each_and_the_worker_lives(
    workspace: Workspace, db: sqlite3.Connection, cases: list[Case], seed: int
) -> None:
    workspace.settings_file.write_text(f"time_limit: 30s\nmemory_limit: {_MEMORY_MB} MB\n")
    dice, of = random.Random(seed), {}
    for case in cases:
        for job_id in submit(workspace, db, *draw_jobs(dice, register(db, case))):
            of[job_id] = case
    worker, _ = start_worker(workspace, slots=2)
    wait_until(lambda: not open_ids(db), timeout=60 * len(of))
    assert running_worker(workspace) == worker
    wait_until(lambda: len(processes_of(workspace)) == 1, timeout=5)
    stop_worker(workspace)

    ended = {job_id: get_job(db, job_id) for job_id in of}
    for job in ended.values():
        _log.info(
            "%s\t%s\t%s\t%s\t%s",
            job.id,
            of[job.id],
            job.params.get("recipe", job.kind),
            job.state,
            job.error,
        )
    _log.info("%s", Counter(job.state for job in ended.values()))
    wrong = {job_id: wrong_with_end(db, job) for job_id, job in ended.items()}
    assert [f"job {job_id}, {of[job_id]}: {why}" for job_id, why in wrong.items() if why] == []
    assert leftover_files(workspace) == []
    for case in cases:
        assert {path.name for path in case.path.parent.iterdir()} == {case.path.name, f"{case.path.name}.json"}
