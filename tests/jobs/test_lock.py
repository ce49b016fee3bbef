"""The lock that the only worker of a workspace holds, and how readers find that worker."""

import os
import threading
from dataclasses import replace

from core.workspace import Workspace
from jobs.lock import WorkerInfo, running_worker, take_lock
from jobs.process_groups import start_token


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
