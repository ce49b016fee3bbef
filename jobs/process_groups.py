"""The processes of a job: the job process and its descendants, which must end with it."""

import os
import signal
import sys
import time
from pathlib import Path

import psutil

# How long to wait for killed processes to be gone; one that hangs in a system call never goes.
_KILL_WAIT_S = 5.0
TAG = "TTSDASH_ATTEMPT"
"""The environment variable that identifies the processes of an attempt."""


def start_token(pid: int) -> str | None:
    """Return what distinguishes a process from a later one with the same pid, whatever the clock; None if it is gone."""
    try:
        if sys.platform == "linux":
            # psutil's start time depends on the wall clock, which may be set.
            ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
            return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{ticks}"
        return str(psutil.Process(pid).create_time())
    except (OSError, psutil.Error):
        return None


def is_alive(pid: int, start: str) -> bool:
    """Return whether the process with this pid and start token runs; a zombie does not."""
    try:
        return start_token(pid) == start and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_group(group: int) -> None:
    """Kill the process group of a child that was not yet waited for."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # the group is empty (EPERM: macOS, only zombies are left)


def kill_orphans(group: int, tag: str) -> list[int]:
    """Kill the processes of an attempt whose worker died, wait until they are gone, and return their pids.

    Pids are reused, so only processes with the tag count as members of the group.
    """
    killed: dict[int, str] = {}
    for process in tagged(tag, group):
        try:
            killed[process.pid] = start_token(process.pid) or ""
            process.kill()
        except (psutil.Error, OSError):
            continue
    deadline = time.monotonic() + _KILL_WAIT_S
    while any(is_alive(*process) for process in killed.items()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return list(killed)


def tagged(tag: str, group: int | None = None) -> list[psutil.Process]:
    """Return the processes of the group that carry the tag; without a group, the group leaders that do."""
    found = []
    for process in psutil.process_iter():
        try:
            expected = process.pid if group is None else group
            if os.getpgid(process.pid) == expected and process.environ().get(TAG) == tag:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found
