"""The thread that polls the store for the dashboard, and saves the state of the screen."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from core.store.database import open_store

if TYPE_CHECKING:
    from core.store.screen_state import ScreenState
    from core.workspace import Workspace
    from tui.dashboard.environment import Environment
    from tui.dashboard.snapshot import Snapshot

_POLL_INTERVAL_S = 0.25
_RETRY_INTERVAL_S = 5


class StoreWatcher:
    """Polls the store four times a second, in one thread with one connection."""

    def __init__(self, workspace: Workspace, environment: Environment) -> None:
        self._workspace, self._environment = workspace, environment
        self._stopped = threading.Event()
        self._unsaved: ScreenState | None = None
        self.records_visit = False
        """Whether the thread records at its end that the user has seen all activity."""

    def save_screen(self, screen: ScreenState) -> None:
        """Save the state of the screen at the next opportunity."""
        self._unsaved = screen

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def run(self, on_change: Callable[[Snapshot], object], on_error: Callable[[str], object]) -> None:
        """Report every change of the store until `stop` is called. Run this in a thread."""
        from core.store.activity import read_activity, record_visit
        from tui.dashboard.snapshot import SnapshotReader

        db = open_store(self._workspace)
        reader = SnapshotReader(self._workspace, db, self._environment.machine())
        while not self._stopped.is_set():
            try:
                snapshot = reader.read()
            except sqlite3.Error as error:
                on_error(f"cannot read {self._workspace.data_db}: {error}")
                self._stopped.wait(_RETRY_INTERVAL_S)
                continue
            if snapshot is not None:
                on_change(snapshot)
            self._stopped.wait(_POLL_INTERVAL_S)
            self._save_screen(db)
        if self.records_visit:
            # If this fails, the next visit shows the same activity again.
            with suppress(sqlite3.Error):
                record_visit(db, read_activity(db))
        db.close()

    def _save_screen(self, db: sqlite3.Connection) -> None:
        from core.store.screen_state import save_screen

        screen, self._unsaved = self._unsaved, None
        if screen is not None:
            # If this fails, the next change saves the screen.
            with suppress(sqlite3.Error):
                save_screen(db, screen)
