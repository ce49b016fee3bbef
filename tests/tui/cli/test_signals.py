"""What comes from outside, to whole processes: signals, readers that go away, streams that are closed, a terminal's end."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.store.database import open_store
from core.store.jobs import add_job, get_job
from core.store.screen_state import read_screen
from core.store.voices import get_voice
from core.workspace import Workspace
from jobs.submit import variant_job
from tests.running import COMMAND, environment, reset_signal_handlers
from tests.tui.cli.calls import CALLS, RUNNING, used, words_of
from tests.waiting import wait_until

__all__ = ["used"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ENDS = [128 + number for number in SIGNALS]
PAGE = 4096
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(used: Workspace) -> Iterator[Start]:
    """Starts a command on the workspace `used`; what still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def run(call: str, prepare: Callable[[], None] = reset_signal_handlers, **options: Any) -> subprocess.Popen[bytes]:
        words = words_of(call)
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        options = pipes | {"env": environment(used)} | options
        process = subprocess.Popen([*COMMAND, *words], preexec_fn=prepare, **options)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def ignore_hangups() -> None:
    reset_signal_handlers()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def hit(processes: list[subprocess.Popen[bytes]]) -> list[tuple[int, bytes]]:
    """Send each another signal: the code that it ends with, and what it has said on stderr since it was last read."""
    for process, number in zip(processes, SIGNALS, strict=True):
        process.send_signal(number)
    # By far less than the 30 s that SQLite waits for a lock.
    return [(process.wait(10), process.stderr.read() if process.stderr else b"") for process in processes]


def unread_pipe() -> int:
    """The end to write to of a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def first_line(stream: Any) -> bytes:
    line: bytes = stream.readline()
    assert line, "it has ended without a word"
    return line


# Readers that go away


@pytest.mark.parametrize("command", sorted(CALLS.keys() - {"worker run"}))
def test_a_command_whose_reader_ends_succeeds_silently(command: str, start: Start) -> None:
    writer = unread_pipe()
    process = start(f"{command} {CALLS[command]}", stdout=writer)
    os.close(writer)
    errors = process.communicate(timeout=60)[1].splitlines()
    assert process.returncode == 0, errors
    assert len(errors) <= 1, errors


def test_an_error_that_nobody_reads_keeps_its_exit_code(start: Start) -> None:
    writer = unread_pipe()
    process = start("jobs show no-number", stderr=writer)
    os.close(writer)
    assert process.wait(10) == 2


def test_a_command_that_follows_ends_when_its_reader_has_gone(used: Workspace, start: Start) -> None:
    """`ttsdash jobs wait 5 2>&1 | head -1` and `ttsdash jobs logs 5 -f | head -1`."""
    reader, writer = os.pipe()
    waits = start(f"jobs wait {RUNNING}", stdout=writer, stderr=writer)
    os.close(writer)
    with open(reader, "rb", closefd=True) as lines:  # noqa: PTH123
        first_line(lines)
    logs = start(f"jobs logs {RUNNING} -f")
    assert first_line(logs.stdout) == b"one\n"
    assert logs.stdout
    logs.stdout.close()
    with used.job_log(RUNNING).open("a") as log:
        log.write("three\n")
    with closing(open_store(used)) as db:
        db.execute("UPDATE jobs SET stage = 'another one' WHERE id = ?", (RUNNING,))
    assert [waits.wait(10), logs.wait(10)] == [0, 0]
    assert logs.stderr
    assert logs.stderr.read() == b""


def test_a_worker_whose_output_is_closed_keeps_working_and_drains(used: Workspace, start: Start) -> None:
    used.worker_lock.unlink()
    with closing(open_store(used)) as db:
        job = add_job(db, replace(variant_job(get_voice(db, "tiny"), "guide"), priority=9))
        writer = unread_pipe()
        process = start("worker run --slots 1", stdout=writer, stderr=writer)
        os.close(writer)
        wait_until(lambda: get_job(db, job).state == "running")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert get_job(db, job).state == "succeeded"


@pytest.mark.parametrize(
    ("closed", "code", "errors"),
    [
        (">&-", 0, ""),
        ("<&-", 0, ""),
        ("2>&-", 0, ""),
        ("<&- >&- 2>&-", 0, ""),
        (">/dev/full", 1, "ttsdash: No space left on device: free some disk space, then try again\n"),
    ],
)
def test_standard_streams_that_are_closed_or_full(closed: str, code: int, errors: str, used: Workspace) -> None:
    if "full" in closed and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    # In this mode Python reports further errors at exit.
    command = [COMMAND[0], "-X", "dev", "-W", "ignore::DeprecationWarning", *COMMAND[1:], "voices", "list"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *command],
        capture_output=True,
        text=True,
        env=environment(used),
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, errors)


# Signals


IMPORTED = """
import sys, time
print("importing", file=sys.stderr)
time.sleep(600)
"""
FINALIZED = """
import sys, time
class Finalized:
    def __del__(self):
        print("importing", file=sys.stderr)
        time.sleep(600)
Finalized()
"""


@pytest.mark.parametrize(
    ("module", "content"),
    [("click", IMPORTED), ("rich", IMPORTED), ("rich", FINALIZED)],
    ids=["before it has begun", "on its way", "in a finalizer"],
)
def test_a_signal_while_modules_are_imported(
    module: str, content: str, used: Workspace, start: Start, tmp_path: Path
) -> None:
    """Click comes before anything is parsed, rich when a table is printed. What a finalizer raises ends nothing."""
    (tmp_path / f"{module}.py").write_text(content)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    processes = [start("jobs list", env=environment(used) | {"PYTHONPATH": path}) for _ in SIGNALS]
    assert {first_line(process.stderr) for process in processes} == {b"importing\n"}
    assert hit(processes) == [(code, b"") for code in ENDS]


@pytest.mark.parametrize("command", ["jobs list", "optimize", "worker run"])
def test_a_signal_while_the_database_is_locked(command: str, used: Workspace, start: Start) -> None:
    """SQLite waits without looking at Python's handlers."""
    with closing(sqlite3.connect(used.data_db, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        processes = [start(f"{command} {CALLS[command]}") for _ in SIGNALS]
        for process in processes:
            wait_until(lambda process=process: str(used.data_db.resolve()) in open_files(process))
        assert hit(processes) == [(code, b"") for code in ENDS]


def open_files(process: subprocess.Popen[bytes]) -> set[str]:
    return {file.path for file in psutil.Process(process.pid).open_files()}


def test_a_signal_while_nobody_takes_the_output(start: Start) -> None:
    """As while one looks at the first page of `ttsdash jobs list | less`."""
    processes, readers = [], []
    for _ in SIGNALS:
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, bytes(PAGE))
        os.read(reader, PAGE)
        os.set_blocking(writer, True)
        processes.append(start("jobs list --json", stdout=writer))
        wait_until(lambda writer=writer: not select.select([], [writer], [], 0)[1])
        os.close(writer)
        readers.append(reader)
    assert hit(processes) == [(code, b"") for code in ENDS]
    for reader in readers:
        os.close(reader)


@pytest.mark.parametrize("command", [f"jobs wait {RUNNING}", "optimize --model tiny --guide --wait"])
def test_a_signal_to_a_command_that_waits_for_jobs(command: str, start: Start) -> None:
    processes = [start(command) for _ in SIGNALS]
    for process in processes:
        assert first_line(process.stderr).startswith(b"job ")
    for (code, said), expected in zip(hit(processes), ENDS, strict=True):
        assert code == expected
        assert re.fullmatch(rb"\nthe jobs continue in the background; follow them with: ttsdash jobs wait \d+\n", said)


def test_a_signal_to_a_command_that_follows_a_log(start: Start) -> None:
    processes = [start(f"jobs logs {RUNNING} -f") for _ in SIGNALS]
    assert {first_line(process.stdout) for process in processes} == {b"one\n"}
    assert hit(processes) == [(code, b"") for code in ENDS]


def test_what_is_ignored_from_the_beginning_stays_so(start: Start) -> None:
    """`nohup ttsdash jobs wait`."""
    process = start(f"jobs wait {RUNNING}", ignore_hangups)
    first_line(process.stderr)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 128 + signal.SIGTERM


# Terminals


class Terminal:
    """A terminal, and the program that has it."""

    def __init__(self, start: Start, call: str, prepare: Callable[[], None] = reset_signal_handlers) -> None:
        self._outside, self._inside = pty.openpty()
        os.set_blocking(self._outside, False)
        termios.tcsetwinsize(self._inside, (24, 80))
        self._settings = termios.tcgetattr(self._inside)
        self._shown = b""

        def take() -> None:
            prepare()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        inside = dict.fromkeys(("stdin", "stdout", "stderr"), self._inside)
        self.program = start(call, take, **inside, start_new_session=True)

    def shown(self) -> bytes:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._outside, 1 << 16):
                self._shown += data
        return self._shown

    def code(self) -> int:
        """How the program ends, while what it writes is shown."""
        wait_until(lambda: [self.shown(), self.program.poll()][1] is not None, timeout=10)
        return int(self.program.returncode)

    def press(self, key: bytes) -> None:
        os.write(self._outside, key)

    @property
    def unread(self) -> int:
        """How many bytes that were typed the program has not read."""
        return int.from_bytes(fcntl.ioctl(self._inside, termios.FIONREAD, bytes(4)), sys.byteorder)

    def hang_up(self) -> None:
        os.close(self._outside)
        os.close(self._inside)

    @property
    def is_as_before(self) -> bool:
        """The cursor is there, the alternate screen is not, and keys are read as before."""
        cursor, screen = ([self._shown.rfind(b"\x1b[?%d%c" % (mode, on)) for on in b"lh"] for mode in (25, 1049))
        return cursor[0] < cursor[1] and screen[0] >= screen[1] and termios.tcgetattr(self._inside) == self._settings


def test_progress_bars_are_closed_properly(start: Start) -> None:
    terminals = [Terminal(start, f"jobs wait {RUNNING}") for _ in SIGNALS]
    for terminal in terminals:
        wait_until(lambda terminal=terminal: b"pair 4" in terminal.shown())
        assert not terminal.is_as_before
    assert hit([terminal.program for terminal in terminals]) == [(code, b"") for code in ENDS]
    for terminal in terminals:
        assert terminal.shown().endswith(b"ttsdash jobs wait %d\r\n" % RUNNING)
        assert terminal.is_as_before
        terminal.hang_up()


def look_at_the_queue(dashboard: Terminal) -> None:
    wait_until(lambda: b"tiny" in dashboard.shown())
    dashboard.press(b"2")
    wait_until(lambda: b"pair 4" in dashboard.shown())


def test_a_signal_to_the_dashboard(start: Start) -> None:
    terminals = [Terminal(start, "") for _ in SIGNALS]
    for terminal, number in zip(terminals, SIGNALS, strict=True):
        look_at_the_queue(terminal)
        assert not terminal.is_as_before
        terminal.program.send_signal(number)
        assert terminal.code() == 128 + number
        assert b"Traceback" not in terminal.shown()
        assert terminal.is_as_before
        terminal.hang_up()


def test_a_terminal_that_vanishes(start: Start) -> None:
    """Its hang-up ends the program; the dashboard ends also where hang-ups are ignored."""
    dashboards = [Terminal(start, ""), Terminal(start, "", ignore_hangups)]
    waits = Terminal(start, f"jobs wait {RUNNING}")
    for dashboard in dashboards:
        look_at_the_queue(dashboard)
    wait_until(lambda: b"pair 4" in waits.shown())
    for terminal in (*dashboards, waits):
        terminal.hang_up()
        assert terminal.program.wait(10) == 128 + signal.SIGHUP


@pytest.mark.parametrize(
    "noise",
    [b"\xe9", b"\xc3", b"\xe2\x94", b"\xf0\x9f\x98", b"\xff\xfe", b"\xc3\xe9\x80"],
    ids=["Latin-1", "half a letter", "two of three bytes", "three of four bytes", "never UTF-8", "several"],
)
@pytest.mark.parametrize("together", [True, False], ids=["in one piece with a key", "before a key"])
def test_bytes_that_are_not_text_are_ignored_and_no_key_is_lost(noise: bytes, together: bool, start: Start) -> None:
    dashboard = Terminal(start, "")
    look_at_the_queue(dashboard)
    if together:
        dashboard.press(noise + b"3")
    else:
        dashboard.press(noise)
        wait_until(lambda: dashboard.unread == 0)
        dashboard.press(b"3")
    wait_until(lambda: b"Pareto" in dashboard.shown())
    dashboard.press(b"q")
    assert dashboard.code() == 0
    assert b"Traceback" not in dashboard.shown()
    assert dashboard.is_as_before
    dashboard.hang_up()


def test_the_dashboard_restores_its_state_after_a_lost_connection(start: Start, used: Workspace) -> None:
    cut = Terminal(start, "")
    look_at_the_queue(cut)
    with closing(open_store(used)) as db:
        # It is kept while one looks: a cut line leaves no time for that.
        wait_until(lambda: read_screen(db).get("app", {}).get("tab") == "queue")
    cut.hang_up()
    assert cut.program.wait(10) == 128 + signal.SIGHUP
    again = Terminal(start, "")
    wait_until(lambda: b"pair 4" in again.shown())
    again.press(b"q")
    assert again.code() == 0
    again.hang_up()
