"""Benchmark of a queue of 10,000 jobs: how fast jobs are queued, how soon the next one starts, how long commands take.

    python -m benchmarks.full_queue [--jobs 10000] [--starts 40]

It uses a tiny voice and a temporary workspace. Linux only: the start of a process is read from /proc.
"""

import argparse
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.table import head, row
from core.clock import format_timestamp, parse_timestamp
from core.records.voices import Voice
from core.store.database import open_store
from core.store.jobs import get_job, list_events
from core.store.queue_control import cancel_all, pause, resume
from core.voices.file import read_voice
from core.workspace import Workspace
from jobs.submit import Scheduling, submit, variant_job, wake
from jobs.worker_control import start_worker, stop_worker
from tests.factories import add_voice
from tests.vits import write_voice

_LOOK_S = 0.01
_RUNS = 3
_TOMORROW = format_timestamp(datetime.now(UTC) + timedelta(days=1))
# Commands for queued jobs; those that work only once come last.
_COMMANDS = (
    *("list", "list --json", "list --limit 10000", "list --limit 10000 --json", "list --since-last"),
    *(
        "show {middle}",
        "show {middle} --json",
        "wait",
        "pause",
        "edit {middle} --priority 3",
        "edit {last} --after {first}",
    ),
    *("move {last} --first", "move {middle} --last", "move {last} --before {middle}"),
)
_COMMANDS_ONCE = ("cancel {middle}", "retry {middle}", "resume")


@dataclass(frozen=True)
class Start:
    """The delay from the time at which a job could start until it ran, in seconds."""

    process: float
    """Until its process started."""
    code: float
    """Until the process had finished its imports and started the first stage of the job."""


@contextmanager
def workspace_with_voice() -> Iterator[tuple[Workspace, sqlite3.Connection, Voice]]:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "workspace")
        db = open_store(workspace)
        try:
            yield workspace, db, add_voice(db, read_voice(write_voice(Path(folder) / "voices")))
        finally:
            stop_worker(workspace, at_once=True)
            db.close()


def measure_enqueue(workspace: Workspace, db: sqlite3.Connection, voice: Voice, jobs: int) -> None:
    job = variant_job(voice, "guide")
    began = time.perf_counter()
    submit(workspace, db, *[job] * jobs)
    row(f"{jobs} jobs queued at once", "1000/s", f"{jobs / (time.perf_counter() - began):.0f}/s")
    began = time.perf_counter()
    for _ in range(100):
        submit(workspace, db, job)
    row("100 jobs queued one by one", "", f"{100 / (time.perf_counter() - began):.0f}/s")


def process_start(pid: int) -> float:
    """Return the start of a process in seconds since the epoch, rounded up: the kernel counts in steps of 10 ms."""
    ticks = 1 + int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    ago = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.time() - ago


def first_stage(workspace: Workspace, job_id: int) -> float:
    """Return the start of the first stage in seconds since the epoch, from the log of the job."""
    line = workspace.job_log(job_id).read_text().splitlines()[1]
    return datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").replace(tzinfo=UTC).timestamp()


def watch(workspace: Workspace, db: sqlite3.Connection, job_id: int) -> float:
    """Wait for the end of a job; return when its process started."""
    started = None
    while not (job := get_job(db, job_id)).ended:
        if started is None and job.process_group is not None:
            started = process_start(job.process_group)
        time.sleep(_LOOK_S)
    assert job.state == "succeeded", job.error
    assert started is not None
    return started


def end_of(db: sqlite3.Connection, job_id: int) -> float:
    return parse_timestamp(list_events(db, job_id)[-1].at).timestamp()


def measure_next(workspace: Workspace, db: sqlite3.Connection, voice: Voice, starts: int) -> None:
    """Measure the delay from the end of one job to the start of the next."""
    pause(db)
    ids = submit(workspace, db, *[variant_job(voice, "guide")] * (starts + 1), scheduling=Scheduling(priority=1))
    start_worker(workspace, slots=1)
    resume(db)
    wake(workspace)
    begun = [watch(workspace, db, job_id) for job_id in ids]
    pause(db)
    found = [
        Start(process - end_of(db, before), first_stage(workspace, job_id) - end_of(db, before))
        for before, job_id, process in zip(ids, ids[1:], begun[1:], strict=False)
    ]
    print_starts("the next job, after the end of one", found)


def measure_idle(workspace: Workspace, db: sqlite3.Connection, voice: Voice, starts: int) -> None:
    """Measure the delay from queuing a job to its start, while all other jobs are scheduled for later."""
    db.execute("UPDATE jobs SET not_before = ? WHERE state = 'queued'", (_TOMORROW,))
    resume(db)
    dice, found = random.Random(0), []
    for _ in range(starts):
        # At a random point of the worker's polling interval.
        time.sleep(dice.uniform(0.5, 1.5))
        began = time.time()
        (job_id,) = submit(workspace, db, variant_job(voice, "guide"))
        process = watch(workspace, db, job_id)
        found.append(Start(process - began, first_stage(workspace, job_id) - began))
    pause(db)
    db.execute("UPDATE jobs SET not_before = NULL WHERE state = 'queued'")
    print_starts("a job queued while the worker is idle", found)


def print_starts(what: str, starts: list[Start]) -> None:
    for name, limit, seconds in (
        ("its process is there", "p95 500 ms", [start.process for start in starts]),
        ("its first stage has begun", "", [start.code for start in starts]),
    ):
        p95 = statistics.quantiles(seconds, n=20)[-1]
        row(f"{what}: {name}", limit, f"p50 {statistics.median(seconds) * 1e3:.0f} ms, p95 {p95 * 1e3:.0f} ms")


def run_command(workspace: Workspace, command: str) -> float:
    """Return the seconds that a command takes, or until its first line if it follows jobs."""
    arguments = [sys.executable, "-P", "-m", "tui.cli", "jobs", *command.split()]
    environment = {**os.environ, "TTSDASH_HOME": str(workspace.root)}
    began = time.perf_counter()
    with subprocess.Popen(
        arguments, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        if command == "wait":
            assert process.stderr is not None
            assert process.stderr.readline()
            process.kill()
            return time.perf_counter() - began
        _, errors = process.communicate()
        assert process.returncode == 0, f"{command}: {errors.decode()}"
    return time.perf_counter() - began


def measure_commands(workspace: Workspace, db: sqlite3.Connection) -> None:
    """Measure commands while the queue is paused and the worker idle."""
    ids = [entry[0] for entry in db.execute("SELECT id FROM jobs WHERE state = 'queued' ORDER BY id")]
    of = {"first": ids[0], "middle": ids[len(ids) // 2], "last": ids[-1]}
    for command in (*_COMMANDS, *_COMMANDS_ONCE):
        runs = 1 if command in _COMMANDS_ONCE else _RUNS
        print_command(command, [run_command(workspace, command.format(**of)) for _ in range(runs)])
    pause(db)
    print_command("cancel --all", [run_command(workspace, "cancel --all")])
    db.execute("UPDATE jobs SET state = 'failed' WHERE state = 'cancelled'")
    print_command("retry --failed", [run_command(workspace, "retry --failed")])
    began = time.perf_counter()
    cancelled, _ = cancel_all(db)
    row(f"{cancelled} jobs cancelled at once", "", f"{time.perf_counter() - began:.2f} s")
    print_command("clean --yes", [run_command(workspace, "clean --yes")])


def print_command(command: str, seconds: list[float]) -> None:
    row(f"`ttsdash jobs {command.replace('{', '').replace('}', '')}`", "1 s", f"{statistics.median(seconds):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--starts", type=int, default=40)
    options = parser.parse_args()
    head()
    with workspace_with_voice() as (workspace, db, voice):
        measure_enqueue(workspace, db, voice, options.jobs)
        measure_next(workspace, db, voice, options.starts)
        measure_idle(workspace, db, voice, options.starts)
        measure_commands(workspace, db)


if __name__ == "__main__":
    main()
