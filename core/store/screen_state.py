"""The state of the dashboard's screens, restored at the next start."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from core.store.database import transaction

ScreenState = Mapping[str, Mapping[str, Any]]
"""Plain values by part of the dashboard."""


def read_screen(db: sqlite3.Connection) -> ScreenState:
    """Read the saved state of all parts."""
    return {row["part"]: json.loads(row["state"]) for row in db.execute("SELECT part, state FROM screen")}


def save_screen(db: sqlite3.Connection, screen: ScreenState) -> None:
    """Save the state of these parts; other parts keep theirs."""
    with transaction(db):
        db.executemany(
            "INSERT INTO screen VALUES (?, ?) ON CONFLICT (part) DO UPDATE SET state = excluded.state",
            [(part, json.dumps(state)) for part, state in screen.items()],
        )
