"""Runs functions in a process whose calls that change files are traced, or fail as `shim.c` says."""

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
"""What is run: it gets ready up to its first `yield`; the fault may strike from there on. What it yields then is told."""

_LONGEST_S = 60


@dataclass(frozen=True)
class Fault:
    """`kill` at a call, or `full`: the disk is, from a call on, for a number of `calls` or for good (0)."""

    mode: str
    at: int
    calls: int = 0
    half: bool = False
    """Whether half of the bytes are written where it strikes a write."""


@dataclass(frozen=True)
class Outcome:
    """What was told, and whether the process was killed."""

    told: list[Any]
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
    """A process that carries the shim. It forks one to be killed, which costs a hundredth of a new interpreter."""

    def __init__(self, folder: Path) -> None:
        """Skips the test where that cannot work."""
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
            pytest.skip("the SQLite of this Python does not call the C library where it can be seen")

    def __enter__(self) -> "Shim":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()

    def run(self, steps: Steps, *arguments: Any, under: Path, fault: Fault | None = None) -> Outcome:
        """Run the steps, with the fault in what lies below `under`."""
        return self._ask(steps, arguments, under, fault)

    def trace(self, steps: Steps, *arguments: Any, under: Path) -> list[Call]:
        """The calls that the steps make on what lies below `under`."""
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
        told, failure, code = pickle.load(self._process.stdout)
        assert failure is None, failure
        assert code in (0, -signal.SIGKILL), f"ended with {code}"
        return Outcome(told, killed=code != 0)


def _commit(path: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE things (name TEXT)")
        yield
        db.execute("INSERT INTO things VALUES ('a')")
        db.commit()


def disarm() -> bool:
    """In steps: end the fault. Returns whether it has struck."""
    library = ctypes.CDLL(None)
    library.fault_disarm()
    return bool(library.fault_struck())


Tell = Callable[[tuple[Any, str | None]], object]


def _serve() -> None:
    """Answer each request with what was told, how it failed, and the code with which its process ended."""
    with contextlib.suppress(EOFError):
        while True:
            steps, arguments, environment, apart = pickle.load(sys.stdin.buffer)
            messages: list[tuple[Any, str | None]] = []
            code = 0
            if apart:
                code = _fork(steps, arguments, environment, messages.append)
            else:
                _follow(steps, arguments, environment, messages.append)
            failure = next((failure for _, failure in messages if failure), None)
            pickle.dump(([value for value, _ in messages], failure, code), sys.stdout.buffer)
            sys.stdout.flush()


def _fork(steps: Steps, arguments: tuple[Any, ...], environment: dict[str, str], tell: Tell) -> int:
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
            tell(pickle.load(pipe))
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _follow(steps: Steps, arguments: tuple[Any, ...], environment: dict[str, str], tell: Tell) -> None:
    try:
        running = steps(*arguments)
        next(running)
        os.environ.update(environment)
        ctypes.CDLL(None).fault_arm()
        for value in running:
            tell((value, None))
    except BaseException:  # noqa: BLE001 - the test raises it
        tell((None, traceback.format_exc()))
    disarm()


if __name__ == "__main__":
    _serve()
