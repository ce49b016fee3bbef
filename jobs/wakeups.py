"""The Huey queue, which carries wake-ups only: a message has no content but "look at the job table".

So losing `queue.db` loses no job, and someone else writing to it cannot make the worker run code.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from huey import SqliteHuey, crontab
from huey.registry import Message
from huey.serializer import Serializer

from core.files import create_private
from core.workspace import Workspace, network_file_system

# Never change these: Huey discards messages with an unknown task name, such as those of another version.
_TASK = "run_next"
_TICK = "tick"


class JsonSerializer(Serializer):  # type: ignore[misc]
    """Messages as JSON. Huey pickles by default, which would let anyone who can write the file run code."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps(data, default=datetime.isoformat).encode()

    def _deserialize(self, data: bytes) -> Message:
        fields = json.loads(data)
        if not isinstance(fields, list) or len(fields) != len(Message._fields):
            raise ValueError("not a message of ttsdash")
        message = Message(*fields)
        if not isinstance(message.id, str) or not isinstance(message.name, str):
            raise ValueError("not a message of ttsdash")
        # Only the arrival of a message and the time it is due matter; everything else is dropped.
        due = datetime.fromisoformat(message.eta).replace(tzinfo=None) if message.eta else None
        return Message(id=message.id, name=message.name, eta=due, args=(), kwargs={}, retries=0, retry_delay=0)


@dataclass(frozen=True)
class Wakeups:
    """The open queue."""

    huey: SqliteHuey
    wake: Callable[[], None]
    """Send a wake-up."""
    wake_at: Callable[[datetime], None]
    """Send a wake-up that is delivered at the given time."""

    def flush(self) -> None:
        """Delete all messages: the job table has all there is to do."""
        self.huey.storage.flush_queue()
        self.huey.storage.flush_schedule()


def _ignore() -> None:
    """Do nothing: a client only sends wake-ups."""


def open_wakeups(workspace: Workspace, on_wake: Callable[[], None] = _ignore) -> Wakeups:
    """Open the queue, replacing a corrupt file. `on_wake` runs in the worker's threads."""
    try:
        return _open(workspace, on_wake)
    except sqlite3.DatabaseError:
        for leftover in workspace.root.glob("queue.db*"):
            leftover.unlink(missing_ok=True)
        return _open(workspace, on_wake)


def _open(workspace: Workspace, on_wake: Callable[[], None]) -> Wakeups:
    create_private(workspace.queue_db)
    # The queue may be lost at any time, so it need not wait for the disk.
    huey = SqliteHuey(
        "ttsdash",
        filename=str(workspace.queue_db),
        results=False,
        serializer=JsonSerializer(),
        fsync=False,
        journal_mode="delete" if network_file_system(workspace.root) else "wal",
        timeout=30,
    )

    def run_next() -> None:
        on_wake()

    def tick() -> None:
        on_wake()

    wake = huey.task(name=_TASK)(run_next)
    # Runs once a minute, for lost wake-ups and for jobs whose start time has passed.
    huey.periodic_task(crontab(), name=_TICK)(tick)
    return Wakeups(huey, wake, lambda moment: wake.schedule(eta=moment))
