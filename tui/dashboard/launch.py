"""Runs the dashboard in the terminal, and ends it with the terminal or on a signal."""

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

_POLL_INTERVAL_S = 0.25


def open_dashboard(workspace: Workspace) -> None:
    """Run the dashboard until the user quits.

    Raises InvalidInput, before anything is drawn, if the store cannot be used.
    """
    from core.store.screen_state import read_screen

    with closing(open_store(workspace)) as db:
        screen = read_screen(db)
    threading.Thread(target=_end_with_terminal, daemon=True).start()
    asyncio.run(_run(Dashboard(workspace, screen=screen)))


async def _run(dashboard: Dashboard) -> None:
    # A signal can interrupt anything: let the event loop end the dashboard, which restores the terminal.
    shutdown.on_signal = partial(asyncio.get_running_loop().call_soon_threadsafe, dashboard.exit)
    await dashboard.run_async()


def _end_with_terminal() -> None:
    """Exit at once when the terminal is gone: Textual would spin on reads and hang on writes."""
    while sys.stdin.isatty():
        time.sleep(_POLL_INTERVAL_S)
    os._exit(128 + signal.SIGHUP)
