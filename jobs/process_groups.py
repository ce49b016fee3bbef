"""The process group of a job: the child and whatever it started, which must end with it."""

import os
import signal

import psutil


def start_time(pid: int) -> float:
    """When the process began, in seconds since the epoch; 0.0 when it is gone already."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return 0.0


def is_alive(pid: int, started: float) -> bool:
    """Whether the process that had this number then still runs; a zombie does not."""
    try:
        process = psutil.Process(pid)
        return bool(process.create_time() == started and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill_group(group: int) -> None:
    """Kill the group of a child that this process has started and not yet waited for."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # nobody is left in it (macOS says EPERM when only zombies are)


def kill_leftovers(group: int, started: float) -> list[int]:
    """Kill what is left of a group whose worker died. Returns the ids of the processes killed.

    Numbers come again: only processes that began at or after the group did are taken for its members.
    """
    killed = []
    for process in psutil.process_iter():
        try:
            # Start times come from clock ticks: two readings differ by a hundredth of a second.
            if os.getpgid(process.pid) == group and process.create_time() >= started - 0.1:
                process.kill()
                killed.append(process.pid)
        except (psutil.Error, ProcessLookupError, PermissionError):
            continue
    return killed
