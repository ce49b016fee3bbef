"""Failures that an unattended queue survives: killed jobs, hanging workers, limits, sleep, changed clocks."""

import os
import re
import signal
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from core.clock import format_timestamp, seconds_between
from core.records.jobs import Limits, NewJob
from core.records.voices import Voice
from core.store.database import open_store, transaction
from core.store.jobs import add_job, get_job, list_events, open_ids
from core.store.lifecycle import claim, finish
from core.store.migrations import VERSION
from core.store.queue_control import pause, resume
from core.voices.file import read_voice
from core.workspace import Workspace
from jobs import lock, worker_control
from jobs.job_process import JobProcess
from jobs.lock import is_unresponsive, running_worker
from jobs.process_groups import is_alive, start_token
from jobs.submit import Scheduling, benchmark_job, submit, variant_job, wake
from jobs.worker_control import ensure_worker, start_worker, stop_worker, worker_status
from tests.factories import add_voice
from tests.running import leftover_files, processes_of, ttsdash, wait_for_end, wait_for_progress, worker_children
from tests.waiting import wait_until


@pytest.fixture
def benchmark(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> int:
    """A running benchmark that has begun to measure."""
    start_worker(workspace)
    (job_id,) = submit(workspace, db, benchmark_job(voice, []))
    wait_for_progress(db, job_id)
    return job_id


def child_of(db: sqlite3.Connection, job_id: int, attempt: int = 1) -> int:
    """Return the process of an attempt once it runs."""

    def process_of_attempt() -> int | None:
        job = get_job(db, job_id)
        return job.process_group if job.attempt == attempt else None

    return wait_until(process_of_attempt)


def requeue_reasons(db: sqlite3.Connection, job_id: int) -> list[str | None]:
    return [event.detail for event in list_events(db, job_id) if event.event == "requeued"]


def backdate_last_sign_of_life(workspace: Workspace) -> None:
    """Move the worker's last sign of life far into the past."""
    os.utime(workspace.worker_lock, (0, 0))


def test_a_job_whose_process_is_killed_is_retried_and_the_reason_is_kept(
    workspace: Workspace, db: sqlite3.Connection, benchmark: int
) -> None:
    os.kill(child_of(db, benchmark), signal.SIGKILL)
    job = wait_for_end(db, benchmark)
    assert (job.state, job.attempt) == ("succeeded", 2)
    assert requeue_reasons(db, benchmark) == ["its process was killed (signal 9)"]
    assert leftover_files(workspace) == []


def test_a_job_whose_process_is_killed_three_times_fails(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    start_worker(workspace)
    (job_id,) = submit(workspace, db, benchmark_job(voice, []))
    for attempt in (1, 2, 3):
        os.kill(child_of(db, job_id, attempt), signal.SIGKILL)
    job = wait_for_end(db, job_id)
    assert (job.state, job.attempt) == ("failed", 3)
    assert job.error == "given up after 3 attempts: its process was killed (signal 9); see its log"
    # The probes of the killed processes have ended too, and the worker still runs.
    wait_until(lambda: not worker_children(workspace), timeout=5)
    assert worker_status(workspace).running


def test_a_job_whose_process_crashes_fails_at_once_with_one_line(
    workspace: Workspace, db: sqlite3.Connection, benchmark: int
) -> None:
    os.kill(child_of(db, benchmark), signal.SIGSEGV)
    job = wait_for_end(db, benchmark)
    assert (job.state, job.attempt) == ("failed", 1)
    assert job.error == f"its process crashed (SIGSEGV): see `ttsdash jobs logs {benchmark}`"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("time_limit: 1s", r"^ended after 1 s, its time_limit: set a longer one in ttsdash.yaml, then retry it$"),
        ("memory_limit: 20 MB", r"its memory_limit is 20 MB: set a higher one in ttsdash.yaml, then retry it$"),
    ],
)
def test_a_job_that_exceeds_a_limit_fails_with_that_reason(
    setting: str, message: str, workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    workspace.settings_file.write_text(setting)
    start_worker(workspace)
    (job_id,) = submit(workspace, db, benchmark_job(voice, []))
    job = wait_for_end(db, job_id)
    assert (job.state, job.attempt) == ("failed", 1)
    assert job.error is not None
    assert re.search(message, job.error), job.error
    wait_until(lambda: not worker_children(workspace), timeout=5)
    assert leftover_files(workspace) == []


def test_a_hanging_worker_is_replaced_and_its_job_succeeds(
    workspace: Workspace, db: sqlite3.Connection, benchmark: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_WATCH_S", 0.3)
    before = running_worker(workspace)
    assert before
    os.kill(before.pid, signal.SIGSTOP)
    backdate_last_sign_of_life(workspace)
    assert worker_status(workspace).unresponsive
    after, started = ensure_worker(workspace)
    assert started
    assert after.pid != before.pid
    assert not is_alive(before.pid, before.birth)
    job = wait_for_end(db, benchmark)
    assert (job.state, job.attempt) == ("succeeded", 2)
    assert requeue_reasons(db, benchmark) == ["its worker died"]


def test_a_worker_that_slept_with_its_machine_is_not_considered_hanging(
    workspace: Workspace, db: sqlite3.Connection, benchmark: int
) -> None:
    suspended = processes_of(workspace)
    for process in suspended:
        process.suspend()
    wait_until(lambda: all(process.status() == psutil.STATUS_STOPPED for process in suspended))
    backdate_last_sign_of_life(workspace)
    for process in suspended:
        process.resume()
    info, started = ensure_worker(workspace)
    assert not started
    wait_until(lambda: not is_unresponsive(workspace), timeout=10)
    job = wait_for_end(db, benchmark)
    assert (job.state, job.attempt) == ("succeeded", 1)
    assert running_worker(workspace) == info


def test_stopping_at_once_also_ends_a_hanging_worker(
    workspace: Workspace, db: sqlite3.Connection, benchmark: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_control, "_STOP_NOW_S", 0.3)
    info = running_worker(workspace)
    assert info
    os.kill(info.pid, signal.SIGSTOP)
    assert stop_worker(workspace, at_once=True) == info
    wait_until(lambda: not processes_of(workspace), timeout=5)
    start_worker(workspace)
    assert wait_for_end(db, benchmark).state == "succeeded"


def test_a_draining_worker_is_shown_as_ending_and_stays_responsive(
    workspace: Workspace, db: sqlite3.Connection, benchmark: int
) -> None:
    info = running_worker(workspace)
    assert info
    os.kill(info.pid, signal.SIGINT)
    wait_until(lambda: worker_status(workspace).stopping, timeout=5)
    backdate_last_sign_of_life(workspace)
    wait_until(lambda: not is_unresponsive(workspace), timeout=10)
    assert wait_for_end(db, benchmark).state == "succeeded"
    wait_until(lambda: running_worker(workspace) is None, timeout=10)


def test_an_idle_worker_ends_and_is_started_again_when_needed(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    workspace.settings_file.write_text("idle: 1s")
    first, _ = ensure_worker(workspace)
    assert first.idle_s == 1
    wait_until(lambda: not processes_of(workspace), timeout=15)
    assert running_worker(workspace) is None
    (job_id,) = submit(workspace, db, variant_job(voice, "guide"))
    second, started = ensure_worker(workspace)
    assert started
    assert second.pid != first.pid
    assert wait_for_end(db, job_id).state == "succeeded"


def test_a_worker_stays_for_a_scheduled_job_and_starts_it_on_time(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    start_worker(workspace, idle_s=0.5)
    due = format_timestamp(datetime.now(UTC) + timedelta(seconds=4))
    (job_id,) = submit(workspace, db, variant_job(voice, "guide"), scheduling=Scheduling(not_before=due))
    job = wait_for_end(db, job_id)
    assert job.state == "succeeded"
    assert job.started_at is not None
    # Huey checks for due tasks once a second; its one-minute tick would be much later.
    assert 0 <= seconds_between(due, job.started_at) < 5


def test_a_worker_starts_a_scheduled_job_whose_wake_up_was_lost(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    due = format_timestamp(datetime.now(UTC) + timedelta(seconds=3))
    with transaction(db):
        job_id = add_job(db, NewJob("teleport", voice.id, None, {}, not_before=due))
    start_worker(workspace)
    job = wait_for_end(db, job_id)
    assert job.started_at is not None
    assert 0 <= seconds_between(due, job.started_at) < 5


def test_a_paused_queue_starts_nothing_until_it_is_resumed(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    assert pause(db)
    first, second = submit(workspace, db, variant_job(voice, "guide"), NewJob("teleport", voice.id, None, {}))
    start_worker(workspace)
    wake(workspace)
    wait_until(lambda: running_worker(workspace) and not is_unresponsive(workspace))
    assert claim(db) is None
    assert open_ids(db) == [first, second]
    assert resume(db)
    wake(workspace)
    assert (wait_for_end(db, first).state, wait_for_end(db, second).state) == ("succeeded", "failed")
    assert get_job(db, first).attempt == 1


def test_a_worker_ends_without_losing_jobs_when_a_newer_version_takes_over_the_store(
    workspace: Workspace, db: sqlite3.Connection, benchmark: int, voice: Voice
) -> None:
    (waiting,) = submit(workspace, db, variant_job(voice, "guide"))
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    wait_until(lambda: running_worker(workspace) is None)
    assert get_job(db, benchmark).state == "succeeded"
    assert get_job(db, waiting).state == "queued"
    db.execute(f"PRAGMA user_version = {VERSION}")
    start_worker(workspace)
    assert wait_for_end(db, waiting).state == "succeeded"


def test_a_job_that_cannot_open_a_newer_store_fails_with_one_line(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    submit(workspace, db, variant_job(voice, "guide"))
    job = claim(db)
    assert job is not None
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    JobProcess(workspace, db, job).run_to_end(threading.Event())
    failed = get_job(db, job.id)
    assert failed.state == "failed"
    assert failed.error is not None
    assert f"was written by a newer ttsdash (format {VERSION + 1}" in failed.error
    assert "\n" not in failed.error


def test_a_clock_set_back_causes_no_negative_duration_and_no_mistaken_process(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    birth = start_token(os.getpid())
    submit(workspace, db, NewJob("teleport", voice.id, None, {}))
    job = claim(db)
    assert job is not None
    monkeypatch.setattr("core.store.lifecycle.now", lambda: format_timestamp(datetime.now(UTC) - timedelta(days=1)))
    monkeypatch.setattr(psutil, "boot_time", lambda: 0.0)
    JobProcess(workspace, db, job).run_to_end(threading.Event())
    after = get_job(db, job.id)
    assert after.finished_at is not None
    assert str(after.started_at) > after.finished_at
    assert after.seconds is not None
    assert after.seconds > 0
    assert start_token(os.getpid()) == birth
    assert is_alive(os.getpid(), str(birth))


def test_a_finished_job_records_the_resources_it_used(
    workspace: Workspace, db: sqlite3.Connection, benchmark: int
) -> None:
    live = wait_until(lambda: job if (job := get_job(db, benchmark)).rss_mb else None)
    assert live.cpu_percent is not None
    began = time.monotonic()
    job = wait_for_end(db, benchmark)
    assert job.seconds is not None
    assert job.seconds >= time.monotonic() - began - 1
    assert job.cpu_seconds is not None
    assert job.cpu_seconds > 0.1
    assert job.peak_mb is not None
    assert job.peak_mb >= (live.rss_mb or 0)
    assert (job.cpu_percent, job.rss_mb) == (None, None)


@pytest.mark.parametrize("moved", ["data.db", "worker.lock"])
def test_a_worker_whose_files_are_moved_ends_and_another_takes_over(
    moved: str, workspace: Workspace, voice_path: Path
) -> None:
    open_store(workspace).close()
    first, _ = start_worker(workspace)
    for path in workspace.root.glob(f"{moved}*"):
        path.rename(path.with_name(f"away-{path.name}"))
    with closing(open_store(workspace)) as db:
        voice = add_voice(db, read_voice(voice_path))
        (job_id,) = submit(workspace, db, variant_job(voice, "guide"))
        second, started = ensure_worker(workspace)
        assert started
        assert wait_for_end(db, job_id).state == "succeeded"
    wait_until(lambda: not is_alive(first.pid, first.birth))
    assert running_worker(workspace) == second
    assert "was replaced by another file: stopping" in workspace.worker_log.read_text()


def test_a_retried_job_has_the_current_limits(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    workspace.settings_file.write_text("time_limit: 1s")
    (job_id,) = submit(workspace, db, variant_job(voice, "static"))
    claim(db)
    finish(db, job_id, 1, "failed", "ended after 1 s")
    workspace.settings_file.write_text("time_limit: 2h\nmemory_limit: 3 GB")
    assert ttsdash(workspace, "jobs", "retry", job_id).returncode == 0
    assert get_job(db, job_id).limits == Limits(7200, 3000)
