"""Runs functions in a process whose calls that change files are traced, or fail as `shim.c` is configured to."""

import contextlib
import ctypes
import gc
import os
import pickle
import platform
import shutil
import signal
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

Steps = Callable[..., Iterator[Any]]
"""What is run. Up to its first `yield` it prepares; then the fault may occur, and what it yields is reported."""

_LONGEST_S = 60


@dataclass(frozen=True)
class Fault:
    """A fault: `kill` at a call, or `full`, a full disk from a call on, for a number of `calls` or for ever (0)."""

    mode: str
    at: int
    calls: int = 0
    half: bool = False
    """Whether a write that it hits writes half of its bytes."""


@dataclass(frozen=True)
class Outcome:
    """The values that the steps reported, and whether the process was killed."""

    reported: list[Any]
    killed: bool


class Call(NamedTuple):
    """A line of a trace."""

    name: str
    path: Path
    other: Path | None = None

    @property
    def writes(self) -> bool:
        return "write" in self.name or self.name in ("sendfile64", "copy_file_range")

    @property
    def syncs(self) -> bool:
        return self.name in ("fsync", "fdatasync")

    @property
    def renames(self) -> bool:
        return self.name.startswith("rename")


class Shim:
    """A process with the shim loaded. It forks processes to be killed, at a hundredth of the cost of a new interpreter."""

    def __init__(self, folder: Path) -> None:
        """Start the process; skip the test where that cannot work."""
        compiler = shutil.which("gcc") or shutil.which("cc")
        if sys.platform != "linux" or platform.libc_ver()[0] != "glibc" or compiler is None:
            pytest.skip("needs Linux with glibc and a C compiler")
        self._folder, library = folder, folder / "shim.so"
        source = Path(__file__).with_name("shim.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "LD_PRELOAD": str(library)},
        )
        log = [call for call in self.trace(_commit, folder / "data.db", under=folder) if call.path.suffix == ".db-wal"]
        if not (any(call.writes for call in log) and any(call.syncs for call in log)):
            pytest.skip("the SQLite of this Python does not call the C library by symbols that a shim can replace")

    def __enter__(self) -> "Shim":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()

    def run(self, steps: Steps, *arguments: Any, under: Path, fault: Fault | None = None) -> Outcome:
        """Run the steps, with the fault in calls on files below `under`."""
        return self._ask(steps, arguments, under, fault)

    def trace(self, steps: Steps, *arguments: Any, under: Path) -> list[Call]:
        """Return the calls that the steps make on files below `under`."""
        lines = self._folder / "trace"
        lines.write_text("")
        self._ask(steps, arguments, under, None, lines)
        calls = (line.split("\t") for line in lines.read_text().splitlines())
        return [Call(name, *map(Path, paths)) for name, *paths in calls]

    def _ask(
        self, steps: Steps, arguments: tuple[Any, ...], under: Path, fault: Fault | None, lines: Path | str = ""
    ) -> Outcome:
        assert self._process.stdin
        assert self._process.stdout
        struck = fault or Fault("trace", 0)
        environment = {
            "FAULT_MODE": struck.mode,
            "FAULT_AT": str(struck.at),
            "FAULT_CALLS": str(struck.calls),
            "FAULT_HALF": str(int(struck.half)),
            "FAULT_UNDER": str(under),
            "FAULT_TRACE": str(lines),
        }
        pickle.dump((steps, arguments, environment, struck.mode == "kill"), self._process.stdin)
        self._process.stdin.flush()
        reported, failure, code = pickle.load(self._process.stdout)
        assert failure is None, failure
        assert code in (0, -signal.SIGKILL), f"ended with {code}"
        return Outcome(reported, killed=code != 0)


def _commit(path: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE things (name TEXT)")
        yield
        db.execute("INSERT INTO things VALUES ('a')")
        db.commit()


def disarm() -> bool:
    """End the fault, within steps, and return whether it has occurred."""
    library = ctypes.CDLL(None)
    library.fault_disarm()
    return bool(library.fault_struck())


Report = Callable[[tuple[Any, str | None]], object]


def _serve() -> None:
    """Answer each request with the reported values, the failure, and the exit code of its process."""
    with contextlib.suppress(EOFError):
        while True:
            steps, arguments, environment, forked = pickle.load(sys.stdin.buffer)
            messages: list[tuple[Any, str | None]] = []
            code = 0
            if forked:
                code = _fork(steps, arguments, environment, messages.append)
            else:
                _follow(steps, arguments, environment, messages.append)
            failure = next((failure for _, failure in messages if failure), None)
            pickle.dump(([value for value, _ in messages], failure, code), sys.stdout.buffer)
            sys.stdout.flush()


def _fork(steps: Steps, arguments: tuple[Any, ...], environment: dict[str, str], report: Report) -> int:
    outlet, inlet = os.pipe()
    # A collection would touch, and so copy, every page that the processes share.
    gc.freeze()
    process = os.fork()
    if not process:
        signal.alarm(_LONGEST_S)
        with os.fdopen(inlet, "wb", buffering=0) as pipe:
            _follow(steps, arguments, environment, lambda message: pipe.write(pickle.dumps(message)))
        os._exit(0)
    os.close(inlet)
    with os.fdopen(outlet, "rb") as pipe, contextlib.suppress(EOFError):
        while True:
            report(pickle.load(pipe))
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _follow(steps: Steps, arguments: tuple[Any, ...], environment: dict[str, str], report: Report) -> None:
    try:
        running = steps(*arguments)
        next(running)
        os.environ.update(environment)
        ctypes.CDLL(None).fault_arm()
        for value in running:
            report((value, None))
    except BaseException:  # noqa: BLE001 - the test raises it
        report((None, traceback.format_exc()))
    disarm()


if __name__ == "__main__":
    _serve()
