"""What the dashboard showed when it was left: the next one starts there."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from core.store.database import transaction

ScreenState = Mapping[str, Mapping[str, Any]]
"""By part of the dashboard what it showed, as plain values."""


def read_screen(db: sqlite3.Connection) -> ScreenState:
    return {row["part"]: json.loads(row["state"]) for row in db.execute("SELECT part, state FROM screen")}


def save_screen(db: sqlite3.Connection, screen: ScreenState) -> None:
    with transaction(db):
        db.executemany(
            "INSERT INTO screen VALUES (?, ?) ON CONFLICT (part) DO UPDATE SET state = excluded.state",
            [(part, json.dumps(state)) for part, state in screen.items()],
        )
