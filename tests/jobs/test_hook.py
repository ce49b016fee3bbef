"""The hook runs once for each started job that ends, and cannot harm the queue."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from core.records.jobs import NewJob
from core.records.voices import Voice
from core.store.jobs import get_job, list_events
from core.store.lifecycle import claim, finish
from core.store.queue_control import cancel
from core.workspace import Workspace
from jobs import hook
from jobs.hook import HookRunner, is_hook_running, run_hook
from jobs.process_groups import TAG, is_alive
from jobs.submit import submit
from jobs.worker_control import start_worker, stop_worker
from tests.running import wait_for_end
from tests.waiting import wait_until


def set_hook(workspace: Workspace, *command: object) -> None:
    workspace.settings_file.write_text(json.dumps({"hook": [str(part) for part in command]}))


def write_script(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "hook script.py"
    path.write_text(text)
    return path


RECORD = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + '\\n')"


@pytest.fixture
def received(tmp_path: Path, workspace: Workspace) -> Path:
    """A file to which the hook appends each job it receives, one per line."""
    path = tmp_path / "received"
    path.touch()
    set_hook(workspace, sys.executable, "-c", RECORD, path)
    return path


def finished_job(workspace: Workspace, db: sqlite3.Connection, voice: Voice, state: str = "succeeded") -> int:
    (job_id,) = submit(workspace, db, NewJob("teleport", voice.id, None, {}))
    job = claim(db)
    assert job is not None
    finish(db, job.id, job.attempt, state)
    return job_id


def run_hooks(workspace: Workspace) -> None:
    runner = HookRunner(workspace, threading.Event())
    runner.start()
    runner.finish()


def test_a_finished_job_is_passed_to_the_hook_as_json(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, received: Path
) -> None:
    start_worker(workspace)
    job = wait_for_end(db, *submit(workspace, db, NewJob("teleport", voice.id, None, {})))
    job_json = json.loads(wait_until(received.read_text))
    assert (job_json["id"], job_json["state"], job_json["error"]) == (job.id, "failed", job.error)
    assert job_json["voice"] == voice.key


@pytest.mark.parametrize("own", [None, "0"])
def test_the_hook_has_the_environment_of_its_user(workspace: Workspace, tmp_path: Path, own: str | None) -> None:
    written = tmp_path / "written"
    show = "import json, os, sys; open(sys.argv[1], 'w').write(json.dumps(dict(os.environ)))"
    set_hook(workspace, sys.executable, "-c", show, written)
    run = "import sys; from core.workspace import Workspace; from pathlib import Path; import threading\n"
    run += "from jobs.hook import run_hook; sys.exit(run_hook(Workspace(Path(sys.argv[1])), '{}', threading.Event()))"
    variables = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    subprocess.run(
        [sys.executable, "-c", run, str(workspace.root)],
        check=True,
        env=variables | ({"HF_HUB_OFFLINE": own} if own else {}),
    )
    assert json.loads(written.read_text()).get("HF_HUB_OFFLINE") == own


def test_jobs_that_ended_without_a_worker_are_passed_to_the_hook_exactly_once(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, received: Path
) -> None:
    ids = [finished_job(workspace, db, voice, state) for state in ("succeeded", "failed", "cancelled")]
    run_hooks(workspace)
    run_hooks(workspace)
    assert [json.loads(line)["id"] for line in received.read_text().splitlines()] == ids


def test_a_job_that_never_started_is_not_passed_to_the_hook(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, received: Path
) -> None:
    (job_id,) = submit(workspace, db, NewJob("teleport", voice.id, None, {}))
    cancel(db, job_id)
    run_hooks(workspace)
    assert received.read_text() == ""


def test_jobs_that_ended_without_a_hook_are_not_passed_to_a_later_hook(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    finished_job(workspace, db, voice)
    run_hooks(workspace)
    path = tmp_path / "received"
    set_hook(workspace, sys.executable, "-c", RECORD, path)
    run_hooks(workspace)
    assert not path.exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([sys.executable, "-c", "import sys; sys.exit('no such channel')"], "ended with code 1: no such channel"),
        ([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], "ended with code -9"),
        (["no-such-program-here"], "cannot start it: No such file or directory (no-such-program-here)"),
        ([sys.executable, "-c", "import time; time.sleep(600)"], "was killed: it took longer than 0 s"),
        ([sys.executable, "-c", "import sys; sys.stdin.close(); sys.exit(3)"], "ended with code 3"),
    ],
)
def test_a_failing_or_hanging_hook_is_recorded_and_does_no_harm(
    command: list[str],
    message: str,
    workspace: Workspace,
    db: sqlite3.Connection,
    voice: Voice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "sleep" in command[-1]:
        monkeypatch.setattr(hook, "MAX_S", 0.4)
    set_hook(workspace, *command)
    job_id = finished_job(workspace, db, voice)
    run_hooks(workspace)
    (event,) = [event for event in list_events(db, job_id) if event.event == "hook failed"]
    assert event.detail is not None
    assert event.detail.endswith(message)
    assert get_job(db, job_id).state == "succeeded"


def test_an_invalid_hook_setting_is_recorded_like_a_failed_hook(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    job_id = finished_job(workspace, db, voice)
    workspace.settings_file.write_text("hook: 7")
    run_hooks(workspace)
    assert f"{workspace.settings_file}: hook: write a command" in str(list_events(db, job_id)[-1].detail)


def test_the_hook_command_is_not_run_by_a_shell(workspace: Workspace, tmp_path: Path) -> None:
    recorded = tmp_path / "arguments"
    recorder = write_script(tmp_path, f"import json, sys; open({str(recorded)!r}, 'w').write(json.dumps(sys.argv[1:]))")
    workspace.settings_file.write_text(f"hook: {sys.executable} '{recorder}' $HOME '; rm -rf x' \"two words\" *")
    assert run_hook(workspace, "{}", threading.Event()) is None
    assert json.loads(recorded.read_text()) == ["$HOME", "; rm -rf x", "two words", "*"]


def test_a_process_that_a_hook_leaves_running_does_not_delay_the_next_hook(
    workspace: Workspace, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    starter = write_script(
        tmp_path,
        f"import subprocess, sys\nopen({str(pid)!r}, 'w').write(str(subprocess.Popen(['sleep', '600']).pid))\n",
    )
    set_hook(workspace, sys.executable, starter)
    assert run_hook(workspace, "{}", threading.Event()) is None
    os.kill(int(pid.read_text()), signal.SIGKILL)


def test_a_hook_may_ignore_its_input(workspace: Workspace) -> None:
    set_hook(workspace, "true")
    assert run_hook(workspace, "x" * 10_000_000, threading.Event()) is None


def test_the_hook_receives_the_path_of_its_workspace(workspace: Workspace, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    set_hook(
        workspace,
        sys.executable,
        "-c",
        "import os, sys; open(sys.argv[1], 'w').write(os.environ['TTSDASH_HOME'])",
        seen,
    )
    assert run_hook(workspace, "{}", threading.Event()) is None
    assert seen.read_text() == str(workspace.root)


def test_a_hook_ends_with_its_killed_worker_and_receives_the_job_again(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    received = tmp_path / "received"
    hangs_once = f"""
import os, time
open({str(received)!r}, "a").write(str(os.getpid()) + "\\n")
if len(open({str(received)!r}).readlines()) == 1:
    time.sleep(600)
"""
    set_hook(workspace, sys.executable, write_script(tmp_path, hangs_once))
    finished_job(workspace, db, voice)
    worker, _ = start_worker(workspace)
    wait_until(lambda: received.exists() and received.read_text().endswith("\n"))
    assert is_hook_running(workspace)
    os.kill(worker.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(worker.pid, worker.birth))
    start_worker(workspace)
    first, _ = wait_until(lambda: len(pids := received.read_text().split()) == 2 and pids)
    assert not psutil.pid_exists(int(first)) or psutil.Process(int(first)).status() == psutil.STATUS_ZOMBIE
    stop_worker(workspace)
    assert [event for event in list_events(db, 1) if event.event == "hook failed"] == []


def test_stopping_a_worker_at_once_ends_a_hanging_hook(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    set_hook(workspace, sys.executable, "-c", "import time; time.sleep(600)")
    finished_job(workspace, db, voice)
    start_worker(workspace)
    wait_until(lambda: is_hook_running(workspace))
    stop_worker(workspace, at_once=True)
    wait_until(lambda: not is_hook_running(workspace), timeout=5)


def test_a_worker_started_by_a_hook_is_not_mistaken_for_the_hook(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_hook(workspace, "true")
    monkeypatch.setenv(TAG, f"{workspace.root}#hook")
    worker, _ = start_worker(workspace)
    assert not is_hook_running(workspace)
    assert stop_worker(workspace) == worker
