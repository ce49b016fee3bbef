"""The Huey queue. A message is only a wake-up: it says "look into the job table" and carries nothing.

So `queue.db` can be lost, or be written by somebody else, and no job is lost and no code is run.
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
from core.workspace import Workspace

# Frozen: Huey destroys a message whose task it does not know, one that an older version sent included.
_TASK = "run_next"
_TICK = "tick"


class JsonSerializer(Serializer):  # type: ignore[misc]
    """Huey's own pickles: whoever can write the file could run code with it."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps(data, default=datetime.isoformat).encode()

    def _deserialize(self, data: bytes) -> Message:
        fields = json.loads(data)
        if not isinstance(fields, list) or len(fields) != len(Message._fields):
            raise ValueError("not a message of ttsdash")
        message = Message(*fields)
        if not isinstance(message.id, str) or not isinstance(message.name, str):
            raise ValueError("not a message of ttsdash")
        # Of a message only counts that it came, and when it is due: nothing else of its content is used.
        due = datetime.fromisoformat(message.eta).replace(tzinfo=None) if message.eta else None
        return Message(id=message.id, name=message.name, eta=due, args=(), kwargs={}, retries=0, retry_delay=0)


@dataclass(frozen=True)
class Wakeups:
    """The queue, opened."""

    huey: SqliteHuey
    wake: Callable[[], None]
    """Send one wake-up."""
    wake_at: Callable[[datetime], None]
    """Send one that comes at that time."""

    def flush(self) -> None:
        """Forget all messages: the job table knows what there is to do."""
        self.huey.storage.flush_queue()
        self.huey.storage.flush_schedule()


def _nothing() -> None:
    """What a client does on a wake-up: it only sends them."""


def open_wakeups(workspace: Workspace, on_wake: Callable[[], None] = _nothing) -> Wakeups:
    """Open the queue; one that cannot be read is made anew. `on_wake` runs in the worker's threads."""
    try:
        return _open(workspace, on_wake)
    except sqlite3.DatabaseError:
        for leftover in workspace.root.glob("queue.db*"):
            leftover.unlink(missing_ok=True)
        return _open(workspace, on_wake)


def _open(workspace: Workspace, on_wake: Callable[[], None]) -> Wakeups:
    create_private(workspace.queue_db)
    # What this queue holds may be lost at any time, so it waits for no disk.
    huey = SqliteHuey(
        "ttsdash", filename=str(workspace.queue_db), results=False, serializer=JsonSerializer(), fsync=False, timeout=30
    )

    def run_next() -> None:
        on_wake()

    def tick() -> None:
        on_wake()

    wake = huey.task(name=_TASK)(run_next)
    # Makes up for wake-ups that were lost, and for those whose time came (`not_before`).
    huey.periodic_task(crontab(), name=_TICK)(tick)
    return Wakeups(huey, wake, lambda moment: wake.schedule(eta=moment))
