"""A database that another program has locked: recognizing that, naming the program, and waiting for it."""

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

from core.errors import StoreLocked

T = TypeVar("T")

_PAUSE_S = 0.2
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_PRIMARY_CODE = 0xFF
_PROC_LOCKS = Path("/proc/locks")
# The byte of the file `-shm` that the writer of a write-ahead log locks.
_WAL_WRITE_BYTE = 120
# Readers of a rollback journal share the bytes from here on; writers lock some of them exclusively.
_PENDING_BYTE = 0x40000000


def is_locked(error: BaseException) -> bool:
    """Return whether an operation on the database failed only because another connection has locked it."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, StoreLocked) or (code is not None and code & _PRIMARY_CODE in _LOCKED)


def store_locked(path: Path) -> StoreLocked:
    """Return the error for a database that stayed locked, with the programs that lock it where that can be known."""
    return StoreLocked(f"{path} is {locked_by(path)}: close it there, or end its open transaction, then try again")


def locked_by(path: Path) -> str:
    """Return `locked by sqlitebrowser (pid 123)`, or `locked by another program`."""
    found = sorted(lock_holders(path) - {os.getpid()})
    return f"locked by {' and '.join(map(_describe, found))}" if found else "locked by another program"


def lock_holders(path: Path) -> set[int]:
    """Return the pids that keep others from writing to the database; none where the system does not list locks."""
    writers, readers = set(), set()
    for pid, inode, exclusive, first, last in _locks():
        if inode == _inode(path) and last >= _PENDING_BYTE and exclusive:
            writers.add(pid)
        elif inode == _inode(path) and last >= _PENDING_BYTE:
            readers.add(pid)
        elif inode == _inode(path.with_name(f"{path.name}-shm")) and exclusive and first <= _WAL_WRITE_BYTE <= last:
            writers.add(pid)
    # With a write-ahead log every connection has a shared lock, which keeps nobody from writing.
    waits_for_readers = not path.with_name(f"{path.name}-wal").exists()
    return writers or (readers if waits_for_readers else set())


def when_unlocked(path: Path, action: Callable[[], T], on_wait: Callable[[str], object]) -> T:
    """Run an action, again and again while the database is locked. Report by whom whenever that changes."""
    reported = None
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if not is_locked(error):
                raise
        reason = locked_by(path)
        if reason != reported:
            on_wait(reason)
            reported = reason
        time.sleep(_PAUSE_S)


def _locks() -> list[tuple[int, int, bool, int, float]]:
    """Return the locks on files: pid, inode, whether it is exclusive, first and last byte. Only Linux lists them."""
    try:
        lines = _PROC_LOCKS.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        # 1: POSIX  ADVISORY  WRITE 4711 fd:01:123456 1073741824 1073742335; a waiting one has "->" before its type.
        words = line.split()
        if "->" in words or len(words) != 8 or words[1] not in ("POSIX", "OFDLCK"):
            continue
        inode, last = int(words[5].rpartition(":")[2]), float("inf") if words[7] == "EOF" else int(words[7])
        found.append((int(words[4]), inode, words[3] == "WRITE", int(words[6]), last))
    return found


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _describe(pid: int) -> str:
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except (psutil.Error, ValueError):
        return f"a process that is not visible here (pid {pid})"
