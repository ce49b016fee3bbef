"""A distillation in the queue: it goes on after kills, leaves nothing half done, and has no time limit."""

import os
import random
import re
import signal
import sqlite3
import threading
from pathlib import Path

import pytest

from core.errors import InvalidInput
from core.records.job_states import JobKind
from core.records.jobs import ATTEMPTS, Job, Limits
from core.records.voices import Voice
from core.store.jobs import get_job, list_events
from core.store.lifecycle import claim
from core.store.pausing import pause_jobs as pause_jobs_in_store
from core.store.pausing import resume_jobs
from core.store.queue_control import cancel, retry
from core.store.voices import voice_of_id
from core.variants import recipes
from core.workspace import Workspace
from jobs import pausing
from jobs.job_process import JobProcess
from jobs.lock import is_unresponsive, running_worker
from jobs.pausing import pause_jobs
from jobs.recovery import has_advanced
from jobs.submit import submit, variant_job, wake
from jobs.worker_control import start_worker, stop_worker
from tests.long_runs import LONG
from tests.running import leftover_files, processes_of, ttsdash, wait_for_end, worker_children
from tests.waiting import wait_until

TESTS = Path(__file__).parents[1]
KILLS = 20 if LONG else 3
pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the job's process train for seconds only."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS / "brief_training"), str(TESTS.parent)]))


@pytest.fixture
def distillation(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> int:
    """A running distillation."""
    start_worker(workspace)
    (job_id,) = submit(workspace, db, variant_job(voice, "distill", {"size": "small"}))
    return job_id


def steps_in_checkpoints(workspace: Workspace, job_id: int) -> list[int]:
    """The steps that attempts went on from, in the log."""
    return [int(step) for step in re.findall(r"going on from step (\d+)", workspace.job_log(job_id).read_text())]


def wait_for_checkpoint(workspace: Workspace, job_id: int) -> None:
    wait_until(lambda: list(workspace.training(job_id).glob("*/checkpoint.pt")), timeout=120)


def wait_until_paused(db: sqlite3.Connection, job_id: int) -> Job:
    return wait_until(lambda: job if (job := get_job(db, job_id)).paused else None, timeout=30)


def test_a_distillation_that_is_killed_at_any_moment_goes_on_and_ends(
    workspace: Workspace, db: sqlite3.Connection, distillation: int
) -> None:
    dice = random.Random(1)
    for attempt in range(1, KILLS + 1):
        job = wait_until(
            lambda attempt=attempt: (
                (found := get_job(db, distillation)).attempt == attempt and found.process_group and found
            ),
            timeout=60,
        )
        if dice.random() < 0.8:
            wait_until(lambda job=job: has_advanced(workspace, job), timeout=120)
        os.kill(job.process_group, signal.SIGKILL)
    job = wait_for_end(db, distillation, timeout=300)
    assert (job.state, job.attempt) == ("succeeded", KILLS + 1)
    steps = steps_in_checkpoints(workspace, distillation)
    assert steps == sorted(steps)
    variant = voice_of_id(db, job.voice_id).variant("distilled+size=small")
    assert variant.params["steps"] == 80
    assert not workspace.training(distillation).exists()
    assert leftover_files(workspace) == []


def test_a_cancelled_distillation_goes_on_when_it_is_retried(
    workspace: Workspace, db: sqlite3.Connection, distillation: int
) -> None:
    wait_for_checkpoint(workspace, distillation)
    cancel(db, distillation)
    assert wait_for_end(db, distillation).state == "cancelled"
    assert workspace.training(distillation).exists()
    retry(db, distillation, limits=Limits(seconds=3600))
    assert get_job(db, distillation).limits.seconds is None
    ttsdash(workspace, "worker", "start")
    assert wait_for_end(db, distillation, timeout=300).state == "succeeded"
    assert len(steps_in_checkpoints(workspace, distillation)) == 1


def test_a_distillation_that_is_paused_ends_once_it_is_saved_and_goes_on_from_there_when_it_is_resumed(
    workspace: Workspace, db: sqlite3.Connection, distillation: int
) -> None:
    wait_for_checkpoint(workspace, distillation)
    (checkpoint,) = workspace.training(distillation).glob("*/checkpoint.pt")
    saved_at = checkpoint.stat().st_mtime_ns
    assert pause_jobs(workspace, db, [distillation]) == [distillation]
    job = wait_until_paused(db, distillation)
    assert checkpoint.stat().st_mtime_ns > saved_at
    assert (job.state, job.attempt, job.last_attempt) == ("queued", 1, ATTEMPTS + 1)
    assert job.progress is not None
    wait_until(lambda: not worker_children(workspace), timeout=5)
    # It stays so, also with another worker.
    stop_worker(workspace)
    start_worker(workspace)
    wake(workspace)
    wait_until(lambda: running_worker(workspace) and not is_unresponsive(workspace))
    assert claim(db) is None
    resume_jobs(db, [distillation])
    wake(workspace)
    assert wait_for_end(db, distillation, timeout=300).state == "succeeded"
    assert len(steps_in_checkpoints(workspace, distillation)) == 1
    events = [event.event for event in list_events(db, distillation)]
    assert events == ["queued", "started", "pause asked", "paused", "resumed", "started", "succeeded"]
    assert not workspace.training(distillation).exists()
    assert leftover_files(workspace) == []


def test_a_distillation_whose_worker_is_killed_while_it_is_paused_is_paused_by_the_next_one(
    workspace: Workspace, db: sqlite3.Connection, distillation: int
) -> None:
    wait_for_checkpoint(workspace, distillation)
    worker = running_worker(workspace)
    assert worker
    # Between the two writes: the pause is in the store, and nobody has requeued the job yet.
    os.kill(worker.pid, signal.SIGSTOP)
    pause_jobs(workspace, db, [distillation])
    os.kill(worker.pid, signal.SIGKILL)
    wait_until(lambda: not processes_of(workspace))
    job = get_job(db, distillation)
    assert (job.state, job.pausing) == ("running", True)
    start_worker(workspace)
    job = wait_until_paused(db, distillation)
    assert (job.attempt, job.last_attempt) == (1, ATTEMPTS + 1)
    assert list_events(db, distillation)[-1].detail == "its worker died"
    assert claim(db) is None
    resume_jobs(db, [distillation])
    wake(workspace)
    assert wait_for_end(db, distillation, timeout=300).state == "succeeded"
    assert len(steps_in_checkpoints(workspace, distillation)) == 1


def test_a_distillation_that_a_dead_worker_left_is_paused_without_a_worker(
    workspace: Workspace, db: sqlite3.Connection, distillation: int
) -> None:
    wait_for_checkpoint(workspace, distillation)
    worker = running_worker(workspace)
    assert worker
    os.kill(worker.pid, signal.SIGKILL)
    wait_until(lambda: not processes_of(workspace))
    pause_jobs(workspace, db, [distillation])
    assert get_job(db, distillation).paused


def test_a_distillation_that_saves_nothing_for_long_is_paused_nevertheless(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pausing, "_SAVE_WAIT_S", 0.5)
    monkeypatch.setattr(pausing, "_saved_files", lambda folder: frozenset())
    (job_id,) = submit(workspace, db, variant_job(voice, "distill", {"size": "small"}))
    job = claim(db)
    assert job
    pause_jobs_in_store(db, [job_id])
    JobProcess(workspace, db, job).run_to_end(threading.Event())
    assert get_job(db, job_id).paused


def test_stopping_the_worker_does_not_wait_for_a_distillation(
    workspace: Workspace, db: sqlite3.Connection, distillation: int
) -> None:
    wait_for_checkpoint(workspace, distillation)
    stopped = ttsdash(workspace, "worker", "stop")
    assert stopped.returncode == 0, stopped.stderr
    job = get_job(db, distillation)
    assert (job.state, job.last_attempt) == ("queued", 4)
    assert list(workspace.training(distillation).glob("*/checkpoint.pt"))


def test_deleting_a_cancelled_distillation_deletes_its_checkpoint(
    workspace: Workspace, db: sqlite3.Connection, distillation: int
) -> None:
    wait_until(lambda: workspace.training(distillation).exists(), timeout=120)
    cancel(db, distillation)
    wait_for_end(db, distillation)
    assert ttsdash(workspace, "jobs", "clean", "--yes").returncode == 0
    assert not workspace.training(distillation).exists()


def test_a_distillation_has_no_time_limit_but_its_budget(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    workspace.settings_file.write_text("time_limit: 1min\n")
    done = ttsdash(workspace, "optimize", "--model", voice.key, "--distill", "--param", "budget=8h", "--at", "23:59")
    assert done.returncode == 0, done.stderr
    job = get_job(db, 1)
    assert (job.kind, job.limits.seconds, job.params["params"]["budget"]) == (JobKind.DISTILL, None, "8h")


def test_without_pytorch_one_line_names_the_extra(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "_is_installed", lambda package: False)
    with pytest.raises(InvalidInput, match=r"^distilled: PyTorch is not installed \(ttsdash\[distill\]\)$"):
        variant_job(voice, "distill")
