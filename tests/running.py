"""Runs the program as users do: as processes, in a workspace for each test."""

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from core.records.jobs import Job
from core.store.jobs import get_job
from core.workspace import Workspace
from jobs.worker_control import worker_status
from tests.waiting import wait_until

COMMAND = [sys.executable, "-P", "-m", "tui.cli"]


def ttsdash(workspace: Workspace, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command and wait for its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment(workspace),
        timeout=120,
        check=False,
        **options,
    )


def ttsdash_json(workspace: Workspace, *arguments: object) -> Any:
    """Run a command with `--json`, which must succeed, and return the parsed output."""
    done = ttsdash(workspace, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def environment(workspace: Workspace) -> dict[str, str]:
    return {**os.environ, "TTSDASH_HOME": str(workspace.root), "COLUMNS": "120"}


def reset_signal_handlers() -> None:
    """Reset the handlers of signals in a started process: a background job of a shell script ignores SIGINT."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def processes_of(workspace: Workspace) -> list[psutil.Process]:
    """Return the living processes that work in a workspace: the worker and its descendants."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(workspace.root):
                found.append(process)
        except psutil.Error:
            continue
    return found


def leftover_files(workspace: Workspace) -> list[Path]:
    """Return what no job may leave behind: drafts and scratch files."""
    made = [*workspace.optimized_models.rglob("*"), *workspace.recordings.rglob("*")]
    hidden = [path for path in made if path.name.startswith(".")]
    scratch = workspace.root / "scratch"
    return hidden + (list(scratch.iterdir()) if scratch.exists() else [])


def wait_for_end(db: sqlite3.Connection, job_id: int, timeout: float = 60.0) -> Job:
    """Wait for the end of a job, and return it."""

    def look() -> Job | None:
        job = get_job(db, job_id)
        return job if job.ended else None

    return wait_until(look, timeout)


def wait_for_progress(db: sqlite3.Connection, job_id: int) -> Job:
    """Wait until the job's child has begun to measure, and return the job."""

    def look() -> Job | None:
        job = get_job(db, job_id)
        assert not job.ended, f"ended too early: {job}"
        return job if (job.progress or 0) > 0.1 else None

    return wait_until(look)


def worker_children(workspace: Workspace) -> list[psutil.Process]:
    """Return the living processes that the worker has started."""
    status = worker_status(workspace)
    return [process for process in processes_of(workspace) if process.pid != status.pid]


def refused(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line that a refused command prints, without the program's name."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("ttsdash: ")
    return lines[0].removeprefix("ttsdash: ")


def on_a_terminal(workspace: Workspace, typed: str, *arguments: object) -> str:
    """Return what a command prints on a terminal where something is typed."""
    ours, its = pty.openpty()
    variables = environment(workspace) | {"TERM": "xterm"}
    variables.pop("NO_COLOR", None)
    process = subprocess.Popen([*COMMAND, *map(str, arguments)], stdin=its, stdout=its, stderr=its, env=variables)
    os.close(its)
    os.write(ours, typed.encode())
    shown = b""
    while True:
        try:
            read = os.read(ours, 4096)
        except OSError:
            break
        if not read:
            break
        shown += read
    os.close(ours)
    assert process.wait(60) == 0, shown
    return shown.decode()
