"""A search for number formats in the queue: it goes on after a kill, and has no time limit."""

import json
import os
import re
import signal
import sqlite3
from pathlib import Path

import pytest

from core.records.job_states import JobKind
from core.records.voices import Voice
from core.store.jobs import get_job
from core.store.voices import voice_of_id
from core.workspace import Workspace
from jobs.submit import submit, variant_job
from jobs.worker_control import start_worker
from tests.running import leftover_files, ttsdash, wait_for_end
from tests.waiting import wait_until

TESTS = Path(__file__).parents[1]
pytestmark = pytest.mark.long


def measured_by(workspace: Workspace, job_id: int) -> int:
    """How many candidates the journal of a job has."""
    journal = workspace.training(job_id) / "journal.json"
    return len(json.loads(journal.read_bytes())["measured"]) if journal.exists() else 0


def test_a_search_that_is_killed_goes_on_from_its_journal_and_ends(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS / "brief_training"), str(TESTS.parent)]))
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("The kettle is on, and the bread is almost done.\n")
    start_worker(workspace)
    job = variant_job(voice, "tune", {"goal": "best", "mb": "100"}, str(sentences))
    (job_id,) = submit(workspace, db, job)
    wait_until(lambda: measured_by(workspace, job_id) >= 2, timeout=300)
    group = get_job(db, job_id).process_group
    assert group is not None
    os.kill(group, signal.SIGKILL)
    ended = wait_for_end(db, job_id, timeout=300)
    assert (ended.state, ended.attempt) == ("succeeded", 2)
    assert re.search(r"going on after .*, with \d+ measured", workspace.job_log(job_id).read_text())
    variant = voice_of_id(db, ended.voice_id).variant(str(job.variant))
    assert variant.params["choice"].startswith("attention-1:")
    assert not workspace.training(job_id).exists()
    assert leftover_files(workspace) == []


def test_a_search_has_no_time_limit_but_its_budget(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    workspace.settings_file.write_text("time_limit: 1min\n")
    done = ttsdash(workspace, "optimize", "--model", voice.key, "--tune", "--param", "budget=8h", "--at", "23:59")
    assert done.returncode == 0, done.stderr
    job = get_job(db, 1)
    assert (job.kind, job.limits.seconds, job.params["params"]["budget"]) == (JobKind.TUNE, None, "8h")
    assert job.variant == "tuned"
