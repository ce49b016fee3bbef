"""Opens the dashboard on the terminal, and ends it with the terminal or on a signal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from contextlib import closing
from functools import partial

from core.store.database import open_store
from core.workspace import Workspace
from tui.dashboard.app import Dashboard
from tui.signals import shutdown

_LOOK_S = 0.25


def open_dashboard(workspace: Workspace) -> None:
    """Run the dashboard until the user quits. Raises BadInput, before anything is drawn, for a store that is no good."""
    from core.store.screen_state import read_screen

    with closing(open_store(workspace)) as db:
        screen = read_screen(db)
    threading.Thread(target=_end_with_terminal, daemon=True).start()
    asyncio.run(_run(Dashboard(workspace, screen=screen)))


async def _run(dashboard: Dashboard) -> None:
    # A signal comes in the middle of anything: the loop ends the dashboard, which then leaves the terminal as it was.
    shutdown.on_signal = partial(asyncio.get_running_loop().call_soon_threadsafe, dashboard.exit)
    await dashboard.run_async()


def _end_with_terminal() -> None:
    """End at once where the terminal is gone: Textual would read its end without a pause, and hang where it writes."""
    while sys.stdin.isatty():
        time.sleep(_LOOK_S)
    os._exit(128 + signal.SIGHUP)
