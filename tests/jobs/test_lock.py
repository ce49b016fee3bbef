"""The lock that the only worker of a workspace holds, and how readers find that worker."""

import errno
import fcntl
import json
import os
import threading
import time
from dataclasses import asdict, replace

import pytest

from core.errors import InvalidInput, TtsdashError
from core.store.database import open_store
from core.workspace import Workspace
from jobs.doctor import judge_worker
from jobs.lock import WorkerInfo, running_worker, take_lock
from jobs.process_groups import start_token
from jobs.worker_control import start_worker, stop_worker, worker_status


def test_a_running_worker_stays_visible_while_it_updates_the_lock(workspace: Workspace) -> None:
    lock = take_lock(workspace)
    assert lock is not None
    info = WorkerInfo(os.getpid(), start_token(os.getpid()) or "", "2026-05-01T02:00:00.000Z", "1.0", 2, 2, 4000)
    lock.announce(info)
    finished, seen = threading.Event(), list[WorkerInfo | None]()

    def poll() -> None:
        while not finished.is_set():
            seen.append(running_worker(workspace))

    reader = threading.Thread(target=poll)
    reader.start()
    for number in range(2000):
        lock.announce(replace(info, stopping=bool(number % 2), slots=10 ** (number % 4)))
    finished.set()
    reader.join()
    assert seen
    assert None not in seen
    lock.withdraw()
    assert running_worker(workspace) is None


def on_another_machine(workspace: Workspace, heartbeat: float = 0) -> WorkerInfo:
    """Announce a worker of another machine, whose pid here is this process, with a heartbeat so many seconds ago."""
    info = WorkerInfo(
        os.getpid(), "another/1", "2026-05-01T02:00:00.000Z", "1.0", 2, 2, 4000, store="1:2", host="another-machine"
    )
    workspace.worker_lock.write_text(json.dumps(asdict(info)))
    os.utime(workspace.worker_lock, (time.time() - heartbeat,) * 2)
    return info


def test_a_worker_of_another_machine_counts_as_running_while_it_has_heartbeats(workspace: Workspace) -> None:
    info = on_another_machine(workspace)
    assert running_worker(workspace) == info
    assert start_worker(workspace) == (info, False)
    # Even where locks do not reach other machines.
    assert take_lock(workspace) is None
    os.utime(workspace.worker_lock, (0, 0))
    assert running_worker(workspace) is None
    assert take_lock(workspace) is not None


@pytest.mark.parametrize("at_once", [False, True])
def test_a_worker_of_another_machine_is_never_stopped_by_a_signal_to_a_process_of_this_one(
    at_once: bool, workspace: Workspace
) -> None:
    info = on_another_machine(workspace)
    message = f"the worker runs on another-machine (pid {info.pid}): run this command there"
    with pytest.raises(TtsdashError) as refused:
        stop_worker(workspace, at_once=at_once)
    assert str(refused.value) == message


def test_the_status_and_the_doctor_name_the_other_machine(workspace: Workspace) -> None:
    open_store(workspace).close()
    info = on_another_machine(workspace)
    assert worker_status(workspace).host == "another-machine"
    assert judge_worker(info, "1.0", 0).message.startswith("running on another-machine, pid ")


def test_a_folder_without_file_locks_is_refused_with_the_way_out(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(
        InvalidInput, match=r"cannot lock .*worker.lock \(No locks available\): use --home DIR with a local"
    ):
        take_lock(workspace)
