"""The dashboard: tabs over one snapshot of the store. Threads read and act; only messages touch the screen."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, TabbedContent, TabPane

from core.errors import TtsdashError, one_line
from core.store.database import open_store
from core.workspace import Workspace
from tui.cli.signals import ending
from tui.messages import (
    ActionEnded,
    BenchmarkWanted,
    CameBack,
    CancelWanted,
    ExportWanted,
    LogWanted,
    MoveWanted,
    OptimizeWanted,
    Pane,
    PaneMounted,
    PriorityWanted,
    RetryWanted,
    StoreChanged,
)
from tui.widgets.table import KeyedTable
from tui.widgets.top_line import TopLine
from tui.widgets.voices_pane import VoicesPane

if TYPE_CHECKING:
    from tui.snapshot import Snapshot

_LOOK_S = 0.25
_TABS = ("voices", "queue", "results", "system")


class Dashboard(App[None]):
    """What one sees on `ttsdash`."""

    TITLE = "ttsdash"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"tab({name!r})", name.title(), show=False, id=f"app.{name}")
            for number, name in enumerate(_TABS, 1)
        ),
        Binding("w", "worker", "Start or stop the worker", show=False, id="app.worker"),
        Binding("question_mark", "help", "Help", key_display="?", id="app.help"),
        Binding("q", "quit", "Quit", id="app.quit"),
    ]

    def __init__(self, workspace: Workspace, autostart: bool = True) -> None:
        super().__init__()
        self.workspace = workspace
        self.snapshot: Snapshot | None = None
        """What is on the screen; None until the store has been read."""
        self._autostart = autostart
        self._greeted = False
        self._panes: list[Pane] = []
        self._left = threading.Event()

    def compose(self) -> ComposeResult:
        yield TopLine(self.workspace.root)
        with TabbedContent(initial="voices"):
            with TabPane("1 Voices", id="voices"):
                yield VoicesPane(id="voices-pane")
            yield TabPane("2 Queue", id="queue")
            yield TabPane("3 Results", id="results")
            yield TabPane("4 System", id="system")
        yield Footer()

    def on_mount(self) -> None:
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """Once the first tab is drawn: the others, the store, and a worker if none runs."""
        from tui.widgets.queue_pane import QueuePane
        from tui.widgets.results_pane import ResultsPane
        from tui.widgets.system_pane import SystemPane

        self.query_one("#queue", TabPane).mount(QueuePane(id="queue-pane"))
        self.query_one("#results", TabPane).mount(ResultsPane(self.workspace, id="results-pane"))
        self.query_one("#system", TabPane).mount(SystemPane(self.workspace, id="system-pane"))
        self._act("come_back")
        self.run_worker(self._watch, thread=True, group="watch")
        if self._autostart:
            self._act("ensure_worker")

    def on_unmount(self) -> None:
        self._left.set()

    # What the store tells

    def _watch(self) -> None:
        """Look at the store four times a second, and tell when it has changed."""
        from core.store.visits import note_visit, read_away
        from tui.snapshot import SnapshotReader

        db = open_store(self.workspace)
        reader = SnapshotReader(self.workspace, db)
        while not self._left.is_set():
            try:
                snapshot = reader.read()
            except sqlite3.Error as error:
                self.post_message(ActionEnded(f"cannot read {self.workspace.data_db}: {error}", failed=True))
                self._left.wait(5)
                continue
            if snapshot is not None:
                self.post_message(StoreChanged(snapshot))
            self._left.wait(_LOOK_S)
        if self._greeted:
            # What ended meanwhile has been seen; what cannot be noted is told again the next time.
            with suppress(sqlite3.Error):
                note_visit(db, read_away(db))
        db.close()

    @on(StoreChanged)
    def _show(self, message: StoreChanged) -> None:
        if not self.is_running:
            return  # it is being closed: the widgets are going
        self.snapshot = message.snapshot
        self.query_one(TopLine).show(self.snapshot)
        for pane in self._panes:
            pane.show(self.snapshot)

    @on(CameBack)
    def _greet(self, message: CameBack) -> None:
        if not self.is_running:
            return
        away = message.away
        # Who comes for the first time has not been away.
        if away.since and (away.ended or away.hook_failures):
            from tui.screens.away import AwayScreen

            self.push_screen(AwayScreen(away))
        self._greeted = True
        self.call_after_refresh(self._act, "note_told", away)

    @on(PaneMounted)
    def _show_first(self, message: PaneMounted) -> None:
        if not self.is_running:
            return
        self._panes.append(message.pane)
        if self.snapshot:
            message.pane.show(self.snapshot)
        if self.query_one(TabbedContent).active_pane in message.pane.ancestors:
            message.pane.take_focus()

    # What keys ask for

    def action_tab(self, name: str) -> None:
        self.query_one(TabbedContent).active = name

    @on(TabbedContent.TabActivated)
    def _focus_tab(self, event: TabbedContent.TabActivated) -> None:
        for pane in self._panes:
            if event.pane in pane.ancestors:
                pane.take_focus()

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen, own_keys

        self.push_screen(HelpScreen(own_keys(self)))

    def action_worker(self) -> None:
        if self.snapshot is None:
            return
        if self.snapshot.worker is None or self.snapshot.silent:
            self._act("start_worker")
            return
        running = ", ".join(str(job.id) for job in self.snapshot.running)
        self._confirm(
            f"Stop the worker? Job {running} goes back into the queue." if running else "Stop the worker?",
            "stop_worker",
        )

    def action_add_voice(self) -> None:
        from tui.screens.add_voice import AddVoiceScreen

        self.push_screen(AddVoiceScreen(), lambda path: self._act("add_voice", path) if path else None)

    @on(OptimizeWanted)
    def _optimize(self, message: OptimizeWanted) -> None:
        from tui.screens.optimize import OptimizeScreen

        self.push_screen(
            OptimizeScreen(message.voice, self._forecasts()),
            lambda wish: self._act("optimize", message.voice, wish) if wish else None,
        )

    def _forecasts(self) -> dict[str, str]:
        """By recipe, what past results on this machine say of its variant."""
        from core.forecast import forecast
        from core.recipes import RECIPES

        if self.snapshot is None:
            return {}
        results, machine = self.snapshot.results, self.snapshot.machine
        found = {name: forecast(results, machine, name, recipe.variant) for name, recipe in RECIPES.items()}
        return {name: str(expected) for name, expected in found.items() if expected}

    @on(BenchmarkWanted)
    def _benchmark(self, message: BenchmarkWanted) -> None:
        self._act("benchmark", message.voice)

    @on(CancelWanted)
    def _cancel(self, message: CancelWanted) -> None:
        job = message.job
        if job.ended or self.snapshot is None:
            self.notify(f"Job {job.id} has ended: nothing to cancel.", severity="warning")
            return
        waiting = any(job.id in other.waits_for for other in self.snapshot.jobs)
        also = " What waits for it is cancelled, too." if waiting else ""
        self._confirm(f"Cancel job {job.id} ({job.kind}, {job.state})?{also}", "cancel_job", job)

    def action_cancel_all(self) -> None:
        counts = self.snapshot.counts if self.snapshot else {}
        running, waiting = counts.get("running", 0), counts.get("queued", 0)
        if not running + waiting:
            self.notify("No job runs or waits: nothing to cancel.", severity="warning")
            return
        self._confirm(f"Cancel all jobs? {running or 'None'} running, {waiting or 'none'} waiting.", "cancel_all_jobs")

    @on(RetryWanted)
    def _retry(self, message: RetryWanted) -> None:
        self._act("retry_job", message.job)

    def action_retry_failed(self) -> None:
        self._act("retry_failed_jobs")

    def action_pause(self) -> None:
        if self.snapshot:
            self._act("resume_queue" if self.snapshot.queue.paused else "pause_queue")

    @on(MoveWanted)
    def _move(self, message: MoveWanted) -> None:
        self._act("move_job", message.job, message.step)

    @on(PriorityWanted)
    def _prefer(self, message: PriorityWanted) -> None:
        self._act("change_priority", message.job, message.step)

    @on(LogWanted)
    def _open_log(self, message: LogWanted) -> None:
        from tui.screens.log import LogScreen

        self.push_screen(LogScreen(message.job, self.workspace.job_log(message.job.id)))

    @on(ExportWanted)
    def _export(self, message: ExportWanted) -> None:
        self.notify(f"{message.path} is being written …", markup=False)
        self._act("export_results", message.path, message.voice)

    # How it is done, off the interface's thread

    def _confirm(self, question: str, action: str, *arguments: Any) -> None:
        from tui.screens.confirm import ConfirmScreen

        self.push_screen(ConfirmScreen(question), lambda yes: self._act(action, *arguments) if yes else None)

    def _act(self, action: str, *arguments: Any) -> None:
        self.run_worker(lambda: self._perform(action, *arguments), thread=True, group="act")

    def _perform(self, action: str, *arguments: Any) -> None:
        from tui import actions

        try:
            ended: ActionEnded | CameBack = getattr(actions, action)(self.workspace, *arguments)
        except (TtsdashError, sqlite3.Error, OSError) as error:
            self.post_message(ActionEnded(one_line(error), failed=True))
        else:
            self.post_message(ended)

    @on(ActionEnded)
    def _tell(self, message: ActionEnded) -> None:
        if not self.is_running:
            return
        if message.voice:
            self.query_one("#voices-table", KeyedTable).focus_row(f"{message.voice}/original")
        if message.job:
            self.query_one("#jobs-table", KeyedTable).focus_row(str(message.job))
        if message.text:
            self.notify(message.text, severity="error" if message.failed else "information", markup=False)


def open_dashboard(workspace: Workspace) -> None:
    """Run the dashboard until one leaves it. Raises BadInput, before anything is drawn, for a store that is no good."""
    open_store(workspace).close()
    threading.Thread(target=_end_with_terminal, daemon=True).start()
    asyncio.run(_run(Dashboard(workspace)))


async def _run(dashboard: Dashboard) -> None:
    # A signal comes in the middle of anything: the loop ends the dashboard, which then leaves the terminal as it was.
    ending.react = partial(asyncio.get_running_loop().call_soon_threadsafe, dashboard.exit)
    await dashboard.run_async()


def _end_with_terminal() -> None:
    """End at once where the terminal is gone: Textual would read its end without a pause, and hang where it writes."""
    while sys.stdin.isatty():
        time.sleep(_LOOK_S)
    os._exit(128 + signal.SIGHUP)
