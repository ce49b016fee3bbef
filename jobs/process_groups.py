"""The processes of a job: the child and whatever it started, which must end with it."""

import os
import signal
import sys
import time
from pathlib import Path

import psutil

# What a process has begun to write is written when it is gone; one that hangs in a dead disk never is.
_DYING_S = 5.0
MARK = "TTSDASH_ATTEMPT"
"""The environment variable by which the processes of an attempt are known for sure."""


def start_token(pid: int) -> str | None:
    """What tells a process from a later one with its number, however the clock is set; None when it is gone."""
    try:
        if sys.platform == "linux":
            # psutil's start time is counted from the clock of the day, which may be set.
            ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
            return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{ticks}"
        return str(psutil.Process(pid).create_time())
    except (OSError, psutil.Error):
        return None


def is_alive(pid: int, birth: str) -> bool:
    """Whether the process that had this number then still runs; a zombie does not."""
    try:
        return start_token(pid) == birth and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_group(group: int) -> None:
    """Kill the group of a child that this process has started and not yet waited for."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # nobody is left in it (macOS says EPERM when only zombies are)


def kill_leftovers(group: int, mark: str) -> list[int]:
    """Kill what is left of an attempt whose worker died. Returns the ids of the processes killed, once they are gone.

    Numbers come again: only processes that carry the mark are taken for the group's members.
    """
    killed: dict[int, str] = {}
    for process in tagged(mark, group):
        try:
            killed[process.pid] = start_token(process.pid) or ""
            process.kill()
        except (psutil.Error, OSError):
            continue
    deadline = time.monotonic() + _DYING_S
    while any(is_alive(*process) for process in killed.items()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return list(killed)


def tagged(mark: str, group: int | None = None) -> list[psutil.Process]:
    """The processes of that group that carry the mark; without a group those that lead one."""
    found = []
    for process in psutil.process_iter():
        try:
            wanted = process.pid if group is None else group
            if os.getpgid(process.pid) == wanted and process.environ().get(MARK) == mark:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found
