"""Functions that drive a dashboard by keys and read what it shows."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from textual.app import App
from textual.css.query import NoMatches
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Static

from core.doctor.finding import Finding
from core.workspace import Workspace
from jobs.doctor import Findings
from tests.core.machines import SERVER
from tests.tui.conftest import MACHINE
from tui.dashboard.app import Dashboard
from tui.dashboard.common.pane import TablePane
from tui.dashboard.environment import Environment
from tui.dashboard.snapshot import Snapshot
from tui.dashboard.tab_list import TABS
from tui.dashboard.voices.benchmark import BenchmarkScreen
from tui.dashboard.voices.optimize import OptimizeScreen
from tui.dashboard.voices.pane import VoicesPane

Compare = Callable[..., bool]
FOUND: Findings = {
    "machine": [Finding("processor", "ok", "Example CPU 9000: fast int8 (VNNI)")],
    "worker": [Finding("worker", "problem", "none runs, and 3 jobs wait", "ttsdash worker start")],
}
_READING = ("system", "read", "doctor", "assistant", "history", "run")


async def _run_doctor(_: Workspace) -> Findings:
    return FOUND


RECORDED = Environment(
    clock=lambda: "2024-01-02T09:02:25.000Z",
    machine=lambda: MACHINE,
    hardware=lambda: SERVER,
    machine_facts=lambda: {"processor": "Example CPU 9000"},
    version_facts=lambda: {"onnxruntime": "1.32.0"},
    disk_facts=lambda _: {"free": "12.3 GB of 50.0 GB"},
    run_doctor=_run_doctor,
)
"""A machine that looks the same wherever the tests run."""
RECORDED_MACHINE = Environment(machine=lambda: MACHINE)
"""This machine, but with the identity that the results of the fixtures have."""
OTHER_MACHINE = Environment(machine=lambda: replace(MACHINE, id="another"))


class DrivenDashboard(Dashboard):
    """A dashboard that records its notifications."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.notices: list[str] = []

    def notify(self, message: str, **how: Any) -> None:
        self.notices.append(message)
        super().notify(message, **how)

    @property
    def all_tabs_ready(self) -> bool:
        return len(self.panes) == len(TABS)


def dashboard(workspace: Workspace, *, autostart: bool = False, **more: Any) -> DrivenDashboard:
    """Return a dashboard that starts a worker only with `autostart`."""
    return DrivenDashboard(workspace, autostart=autostart, **more)


async def until(pilot: Pilot[None], condition: Callable[[], object], timeout: float = 150.0) -> None:
    """Run the dashboard until the condition holds; it may query widgets that do not exist yet."""
    deadline = time.monotonic() + timeout
    while not _holds(condition):
        assert time.monotonic() < deadline, f"the condition did not hold within {timeout} s"
        await pilot.pause(0.05)
    # A screen that has just appeared takes no keys before it has handled what it was sent.
    await pilot.pause()


def _holds(condition: Callable[[], object]) -> bool:
    try:
        return bool(condition())
    except NoMatches:
        return False


async def benchmarked(pilot: Pilot[None]) -> None:
    """Queue a benchmark of the focused row with the defaults of its dialog."""
    await pilot.press("b")
    await until(pilot, lambda: isinstance(pilot.app.screen, BenchmarkScreen))
    await pilot.press("enter")
    await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


async def paste(pilot: Pilot[None], text: str) -> None:
    """Paste text into the focused widget, as a terminal does."""
    assert pilot.app.focused
    pilot.app.focused.post_message(Paste(text))
    await pilot.pause()


def store(app: Dashboard) -> Snapshot:
    """Return the snapshot that the dashboard shows, or an empty one."""
    return app.snapshot or Snapshot()


def is_ready(app: Dashboard) -> bool:
    """Return whether the store is shown and a pane has the focus."""
    return app.snapshot is not None and any(app.focused in pane.walk_children() for pane in app.query(TablePane))


def is_reading(app: Dashboard) -> bool:
    """Return whether something on the screen is still being read."""
    voices, screen = app.query_one(VoicesPane), app.screen
    unread = voices.voice is not None and voices.voice.id not in voices.forecasts
    unread = unread or (isinstance(screen, OptimizeScreen) and screen.forecasts is None)
    unread = unread or (isinstance(screen, BenchmarkScreen) and screen.expectation is None)
    return unread or any(worker.group in _READING and not worker.is_finished for worker in app.workers)


def text_of(app: App[None], selector: str) -> str:
    """Return the text of a widget on the current screen."""
    return str(app.screen.query_one(selector, Static).render())


def cells(pane: TablePane) -> list[list[str]]:
    """Return the cells of the table of a pane, row by row."""
    table = pane.table
    return [[str(cell).strip() for cell in table.get_row_at(row)] for row in range(table.row_count)]


def presses(*keys: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Return a coroutine that presses keys once the store is shown, and waits until everything is drawn."""

    async def run(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        while app.snapshot is None or len(app.panes) < len(TABS):
            await pilot.pause(0.02)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        while is_reading(app):
            await pilot.pause(0.02)
        await pilot.pause()

    return run


async def greeted(pilot: Pilot[None]) -> None:
    """Wait until the activity dialog is drawn."""
    await presses()(pilot)
    while len(pilot.app.screen_stack) == 1:
        await pilot.pause(0.02)
    await pilot.pause()
