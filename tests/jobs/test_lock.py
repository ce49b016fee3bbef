"""The lock of a workspace's one worker, and what it reports of it."""

import os
import threading
from dataclasses import replace

from core.workspace import Workspace
from jobs.lock import WorkerInfo, running_worker, take_lock
from jobs.process_groups import start_token


def test_whoever_looks_while_a_worker_announces_itself_again_sees_a_worker(workspace: Workspace) -> None:
    lock = take_lock(workspace)
    assert lock is not None
    info = WorkerInfo(os.getpid(), start_token(os.getpid()) or "", "2026-05-01T02:00:00.000Z", "1.0", 2, 2, 4000)
    lock.announce(info)
    done, seen = threading.Event(), list[WorkerInfo | None]()

    def look() -> None:
        while not done.is_set():
            seen.append(running_worker(workspace))

    looking = threading.Thread(target=look)
    looking.start()
    for number in range(2000):
        lock.announce(replace(info, ending=bool(number % 2), slots=10 ** (number % 4)))
    done.set()
    looking.join()
    assert seen
    assert None not in seen
    lock.withdraw()
    assert running_worker(workspace) is None
