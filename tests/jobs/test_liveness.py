"""A job whose worker was killed is shown as interrupted, wherever jobs are shown, until the next worker runs it again."""

import os
import signal
import sqlite3
from contextlib import closing

import pytest

from core.records.voices import Voice
from core.store.database import open_store
from core.store.jobs import get_job
from core.workspace import Workspace
from jobs.lock import running_worker
from jobs.submit import benchmark_job, submit
from jobs.worker_control import ensure_worker, start_worker
from tests.running import processes_of, ttsdash, ttsdash_json, wait_for_end, wait_for_progress
from tests.tui.pilot import cells, dashboard, store, text_of, until
from tests.waiting import wait_until
from tui.dashboard.queue.pane import QueuePane


@pytest.fixture
def orphan(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> int:
    """A benchmark that was running when its worker was killed."""
    worker, _ = start_worker(workspace)
    (job_id,) = submit(workspace, db, benchmark_job(voice, []))
    wait_for_progress(db, job_id)
    os.kill(worker.pid, signal.SIGKILL)
    wait_until(lambda: not processes_of(workspace))
    return job_id


def test_commands_show_a_job_as_interrupted_once_its_worker_was_killed(workspace: Workspace, orphan: int) -> None:
    (listed,) = ttsdash_json(workspace, "jobs", "list")
    assert (listed["state"], listed["cpu_percent"], listed["rss_mb"]) == ("interrupted", None, None)
    assert ttsdash_json(workspace, "jobs", "show", orphan)["state"] == "interrupted"
    row = ttsdash(workspace, "jobs", "list").stdout.splitlines()[2]
    assert " interrupted " in row
    assert "its worker died: the next one continues" in row
    assert "running" not in row
    assert "state       interrupted" in ttsdash(workspace, "jobs", "show", orphan).stdout
    assert "job 1: interrupted, since the last worker died" in ttsdash(workspace, "worker", "status").stdout
    status = ttsdash_json(workspace, "worker", "status")
    assert (status["running"], status["jobs"], status["interrupted"]) == (False, [], [orphan])
    assert "none running, 1 interrupted, none waiting" in ttsdash(workspace, "jobs", "--since-last").stdout
    seen = ttsdash_json(workspace, "jobs", "--since-last")
    assert (seen["running"], seen["interrupted"]) == (0, 1)


@pytest.mark.parametrize(
    ("states", "found"), [(["interrupted"], 1), (["running"], 0), (["running", "interrupted"], 1), (["queued"], 0)]
)
def test_a_list_by_state_has_interrupted_jobs_under_that_state_only(
    states: list[str], found: int, workspace: Workspace, orphan: int
) -> None:
    options = [option for state in states for option in ("--state", state)]
    assert len(ttsdash_json(workspace, "jobs", "list", *options)) == found
    printed = ttsdash(workspace, "jobs", "list", *options).stdout
    assert printed.startswith(f"no job is {states[0]}") == (not found)


def test_showing_a_job_as_interrupted_does_not_change_it_and_the_next_worker_runs_it_again(
    workspace: Workspace, db: sqlite3.Connection, orphan: int
) -> None:
    before = get_job(db, orphan)
    ttsdash(workspace, "jobs", "list")
    assert get_job(db, orphan) == before
    ensure_worker(workspace)
    job = wait_for_end(db, orphan)
    assert (job.state, job.attempt) == ("succeeded", 2)
    (listed,) = ttsdash_json(workspace, "jobs", "list", "--state", "succeeded")
    assert listed["id"] == orphan


async def test_the_dashboard_shows_a_job_as_interrupted_when_its_worker_is_killed_while_it_looks(
    workspace: Workspace, voice: Voice
) -> None:
    worker, _ = start_worker(workspace)
    with closing(open_store(workspace)) as db:
        (job_id,) = submit(workspace, db, benchmark_job(voice, []))
        app = dashboard(workspace)
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: store(app).running and store(app).running[0].stage)
            await pilot.press("2")
            await until(pilot, lambda: cells(app.query_one(QueuePane))[0][3] == "running")
            os.kill(worker.pid, signal.SIGKILL)
            await until(pilot, lambda: cells(app.query_one(QueuePane))[0][3] == "interrupted")
            await until(pilot, lambda: "interrupted" in text_of(app, "RunningJob .stage"))
            assert get_job(db, job_id).state == "running"


async def test_a_worker_that_the_dashboard_starts_by_a_key_stops_when_idle_like_one_that_it_starts_by_itself(
    workspace: Workspace, voice: Voice
) -> None:
    workspace.settings_file.write_text("idle: 7min\n")
    for autostart, keys in ((True, ()), (False, ("w",))):
        app = dashboard(workspace, autostart=autostart)
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda app=app: app.snapshot)
            await pilot.press(*keys)
            await until(pilot, lambda: running_worker(workspace))
        worker = running_worker(workspace)
        assert worker
        assert worker.idle_s == 7 * 60
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: running_worker(workspace) is None)
