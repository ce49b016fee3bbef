"""The thread that reads the store for the dashboard, and writes down what the dashboard shows."""

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

LOOK_S = 0.25
_AFTER_ERROR_S = 5


class StoreWatcher:
    """Polls the store four times a second, in one thread with one connection."""

    def __init__(self, workspace: Workspace, environment: Environment) -> None:
        self._workspace, self._environment = workspace, environment
        self._ended = threading.Event()
        self._to_keep: ScreenState | None = None
        self.note_visit = False
        """Whether to record at the end that the user has seen all that happened."""

    def keep(self, screen: ScreenState) -> None:
        """Have the state of the screen written into the store."""
        self._to_keep = screen

    def end(self) -> None:
        """Have the thread finish its work and end."""
        self._ended.set()

    def run(self, changed: Callable[[Snapshot], object], failed: Callable[[str], object]) -> None:
        """Report each change of the store until `end` is called. Run it in a thread."""
        from core.store.activity import read_activity, record_visit
        from tui.dashboard.snapshot import SnapshotReader

        db = open_store(self._workspace)
        reader = SnapshotReader(self._workspace, db, self._environment.machine())
        while not self._ended.is_set():
            try:
                snapshot = reader.read()
            except sqlite3.Error as error:
                failed(f"cannot read {self._workspace.data_db}: {error}")
                self._ended.wait(_AFTER_ERROR_S)
                continue
            if snapshot is not None:
                changed(snapshot)
            self._ended.wait(LOOK_S)
            self._write_screen(db)
        if self.note_visit:
            # What cannot be recorded is shown again at the next visit.
            with suppress(sqlite3.Error):
                record_visit(db, read_activity(db))
        db.close()

    def _write_screen(self, db: sqlite3.Connection) -> None:
        from core.store.screen_state import save_screen

        screen, self._to_keep = self._to_keep, None
        if screen is not None:
            # What cannot be written now is written with the next change: nobody waits for it.
            with suppress(sqlite3.Error):
                save_screen(db, screen)
