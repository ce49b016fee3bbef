"""Benchmark of the dashboard with a long history and a full queue: its first paint compared with a minimal Textual app, how
fast it responds to keys, and what it costs while idle and while a job runs.

    python -m benchmarks.dashboard [--results 100000] [--jobs 10000] [--pairs 10] [--keys 10] [--seconds 20]

Each start is a separate process in a pseudo-terminal of 80x24; the two are started alternately. The workspace is synthetic and
temporary; the job that runs is a real benchmark of a tiny voice.
"""

import argparse
import fcntl
import os
import pty
import select
import signal
import sqlite3
import statistics
import struct
import subprocess
import sys
import termios
import time

import psutil

from benchmarks.full_queue import workspace_with_voice
from benchmarks.history import History, build
from benchmarks.table import head, row
from core.records.voices import Voice
from core.store.jobs import list_jobs
from core.store.queue_control import pause
from core.workspace import Workspace
from jobs.submit import Scheduling, benchmark_job, submit, variant_job
from jobs.worker_control import start_worker, stop_worker

MINIMAL = """
from textual.app import App
from textual.widgets import Static

class Minimal(App[None]):
    def compose(self):
        yield Static("first paint")

Minimal().run()
"""
DASHBOARD = [sys.executable, "-P", "-m", "tui.cli"]
_SETTLE_S = 3.0
# A response is complete after a pause this long.
_QUIET_S = 0.15
_ESCAPE = "\x1b"
_WORKLOAD = "benchmark_budget: 1h\nbenchmark_width: 0.01%\n"
# All tabs, and up and down in the tables of jobs and results.
_KEYS = (
    "2",
    "j",
    "k",
    "G",
    "g",
    "3",
    "j",
    "j",
    "G",
    "g",
    "n",
    "s",
    "S",
    "t",
    _ESCAPE,
    "?",
    _ESCAPE,
    "4",
    "j",
    "5",
    "1",
    "j",
    "k",
)


class Started:
    """A program that runs in a pseudo-terminal."""

    def __init__(self, command: list[str], home: str) -> None:
        self.terminal, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.began = time.perf_counter()
        environment = {**os.environ, "TTSDASH_HOME": home, "TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            command, stdin=inside, stdout=inside, stderr=inside, env=environment, start_new_session=True
        )
        os.close(inside)

    def seconds_until(self, text: bytes) -> float:
        """Return the seconds from the start until this text was on the screen."""
        seen = b""
        while text not in seen:
            seen += os.read(self.terminal, 65536)
        return time.perf_counter() - self.began

    def bytes_in(self, seconds: float) -> int:
        """Return the number of bytes that it writes in the next seconds."""
        count, deadline = 0, time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.terminal], [], [], left)[0]:
                count += len(os.read(self.terminal, 65536))
        return count

    def answer(self, key: str) -> list[float]:
        """Press a key; return the seconds until each part of the response was on the screen."""
        began, times = time.perf_counter(), list[float]()
        os.write(self.terminal, key.encode())
        while select.select([self.terminal], [], [], _QUIET_S if times else 2 * _QUIET_S)[0]:
            os.read(self.terminal, 65536)
            times.append(time.perf_counter() - began)
        return times

    def cost(self, seconds: float) -> tuple[float, float]:
        """Return the share of a core that it uses, and the bytes per second that it writes."""
        process = psutil.Process(self.process.pid)
        before = process.cpu_times()
        written = self.bytes_in(seconds)
        after = process.cpu_times()
        return (after.user + after.system - before.user - before.system) / seconds, written / seconds

    def end(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.terminal)


def first_paint(command: list[str], text: bytes, home: str) -> float:
    started = Started(command, home)
    try:
        return started.seconds_until(text)
    finally:
        started.end()


def measure_first_paint(home: str, pairs: int) -> None:
    minimal = [sys.executable, "-P", "-c", MINIMAL]
    times = [
        (first_paint(DASHBOARD, b"Voices", home), first_paint(minimal, b"first paint", home)) for _ in range(pairs + 1)
    ][1:]
    ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(one / other for one, other in times)
    row("first paint, relative to a minimal app", "1.5x", f"{ours:.3f} s, {theirs:.3f} s: {ratio:.2f}x")


def measure_keys(dashboard: Started, rounds: int) -> None:
    # Some keys change nothing, such as up in the first row.
    answers = [(key, times) for _ in range(rounds) for key in _KEYS if (times := dashboard.answer(key))]
    keys = [times for key, times in answers if key != _ESCAPE]
    row_of_keys("a key begins to answer", "100 ms", [times[0] for times in keys])
    # Textual waits 0.1 s in case it starts the sequence of another key.
    row_of_keys("escape alone", "", [times[0] for key, times in answers if key == _ESCAPE])
    row_of_keys("a key has answered, with what it had to read", "", [times[-1] for times in keys])


def row_of_keys(what: str, target: str, seconds: list[float]) -> None:
    taken = [1000 * one for one in seconds]
    middle, p95 = statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
    row(what, target, f"{middle:.0f} ms, p95 {p95:.0f} ms")


def measure_cost(dashboard: Started, what: str, target: str, seconds: float) -> None:
    busy, written = dashboard.cost(seconds)
    row(f"{what}: share of a core, bytes/s", target, f"{busy:.1%}, {written:.0f}")


def fill(db: sqlite3.Connection, workspace: Workspace, voice: Voice, results: int, jobs: int) -> None:
    """Add a long history, and a queue behind one job that keeps running."""
    build(db, History(), results)
    workspace.settings_file.write_text(_WORKLOAD)
    submit(workspace, db, *[variant_job(voice, "guide")] * jobs)
    submit(workspace, db, benchmark_job(voice, []), scheduling=Scheduling(priority=1))
    start_worker(workspace)
    while not list_jobs(db, states=("running",)):
        time.sleep(0.1)
    pause(db)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--keys", type=int, default=10, help="how often each is pressed")
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    with workspace_with_voice() as (workspace, db, voice):
        fill(db, workspace, voice, given.results, given.jobs)
        head()
        dashboard = Started(DASHBOARD, str(workspace.root))
        dashboard.seconds_until(b"Voices")
        dashboard.answer("2")
        dashboard.bytes_in(_SETTLE_S)
        measure_cost(dashboard, "one job runs", "5 %, 3000", given.seconds)
        stop_worker(workspace, at_once=True)
        start_worker(workspace)
        dashboard.bytes_in(_SETTLE_S)
        measure_cost(dashboard, "idle", "1 %, 0", given.seconds)
        measure_keys(dashboard, given.keys)
        dashboard.end()
        measure_first_paint(str(workspace.root), given.pairs)


if __name__ == "__main__":
    main()
