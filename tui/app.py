"""The dashboard: tabs over one snapshot of the store. Threads read and act; only messages touch the screen."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Footer, TabbedContent, TabPane

from core.errors import TtsdashError, one_line
from core.store.database import open_store
from core.store.jobs import Job, cancel, retry
from core.workspace import Workspace
from jobs.daemon import settle_cancelled, start_worker, stop_worker
from jobs.lock import running_worker
from jobs.submit import benchmark_job, submit, submit_optimize, wake
from tui.messages import (
    ActionEnded,
    BenchmarkWanted,
    CancelWanted,
    LogWanted,
    OptimizeWanted,
    RetryWanted,
    StoreChanged,
)
from tui.screens.add_voice import AddVoiceScreen
from tui.screens.confirm import ConfirmScreen
from tui.screens.help import HelpScreen, own_keys
from tui.screens.log import LogScreen
from tui.screens.optimize import OptimizeScreen, Wish
from tui.snapshot import Snapshot, SnapshotReader
from tui.widgets.pane import TablePane
from tui.widgets.queue_pane import QueuePane
from tui.widgets.results_pane import ResultsPane
from tui.widgets.system_pane import SystemPane
from tui.widgets.top_line import TopLine
from tui.widgets.voices_pane import VoicesPane

_LOOK_S = 0.25
_TABS = ("voices", "queue", "results", "system")


class Dashboard(App[None]):
    """What one sees on `ttsdash`."""

    TITLE = "ttsdash"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"tab({name!r})", name.title(), show=False) for number, name in enumerate(_TABS, 1)),
        Binding("w", "worker", "Start or stop the worker", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, workspace: Workspace, autostart: bool = True) -> None:
        super().__init__()
        self.workspace = workspace
        self.snapshot = Snapshot()
        self._autostart = autostart
        self._left = threading.Event()

    def compose(self) -> ComposeResult:
        yield TopLine(self.workspace.root)
        with TabbedContent(initial="voices"):
            with TabPane("1 Voices", id="voices"):
                yield VoicesPane(id="voices-pane")
            with TabPane("2 Queue", id="queue"):
                yield QueuePane(id="queue-pane")
            with TabPane("3 Results", id="results"):
                yield ResultsPane(id="results-pane")
            with TabPane("4 System", id="system"):
                yield SystemPane(self.workspace, id="system-pane")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(VoicesPane).table.focus()
        self.run_worker(self._watch, thread=True, group="watch")
        if self._autostart:
            self._act("", lambda _: start_worker(self.workspace))

    def on_unmount(self) -> None:
        self._left.set()

    # What the store tells

    def _watch(self) -> None:
        """Look at the store four times a second, and tell when it has changed."""
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
        db.close()

    @on(StoreChanged)
    def _show(self, message: StoreChanged) -> None:
        self.snapshot = message.snapshot
        self.query_one(TopLine).show(self.snapshot)
        for pane in self.query(TablePane):
            pane.show(self.snapshot)
        self.query_one(SystemPane).show(self.snapshot)

    # What keys ask for

    def action_tab(self, name: str) -> None:
        self.query_one(TabbedContent).active = name

    @on(TabbedContent.TabActivated)
    def _focus_tab(self, event: TabbedContent.TabActivated) -> None:
        pane = next(iter(event.pane.children))
        target: Widget = pane.table if isinstance(pane, TablePane) else pane
        target.focus()

    def action_help(self) -> None:
        self.push_screen(HelpScreen(own_keys(self)))

    def action_worker(self) -> None:
        if running_worker(self.workspace) is None:
            self._act("worker started", lambda _: start_worker(self.workspace))
            return
        running = ", ".join(str(job.id) for job in self.snapshot.running)
        question = f"Stop the worker? Job {running} goes back into the queue." if running else "Stop the worker?"

        def answered(yes: bool | None) -> None:
            if yes:
                self._act("worker stopped", lambda _: stop_worker(self.workspace, at_once=True))

        self.push_screen(ConfirmScreen(question), answered)

    def action_add_voice(self) -> None:
        def chosen(path: str | None) -> None:
            if path:
                self.run_worker(lambda: self._add_voice(path), thread=True, group="act")

        self.push_screen(AddVoiceScreen(), chosen)

    def _add_voice(self, path: str) -> None:
        """In a process of its own: reading a model takes memory and modules that the dashboard has no use for."""
        command = [sys.executable, "-P", "-m", "tui.cli", "voices", "add", path, "--home", str(self.workspace.root)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            self.post_message(ActionEnded(f"added {done.stdout.strip()}; press o to optimize it"))
        else:
            self.post_message(ActionEnded(done.stderr.strip().removeprefix("ttsdash: "), failed=True))

    @on(OptimizeWanted)
    def _optimize(self, message: OptimizeWanted) -> None:
        voice = message.voice

        def chosen(wish: Wish | None) -> None:
            if wish is None:
                return
            self._act(
                "queued: press 2 to watch",
                lambda db: submit_optimize(self.workspace, db, voice, wish.recipes, wish.benchmark),
                needs_worker=True,
            )

        self.push_screen(OptimizeScreen(voice), chosen)

    @on(BenchmarkWanted)
    def _benchmark(self, message: BenchmarkWanted) -> None:
        voice = message.voice
        job = benchmark_job(voice, [variant.name for variant in voice.variants])
        self._act(
            f"benchmark of {voice.key} queued: press 2 to watch",
            lambda db: submit(self.workspace, db, job),
            needs_worker=True,
        )

    @on(CancelWanted)
    def _cancel(self, message: CancelWanted) -> None:
        job = message.job
        if job.ended:
            self.notify(f"Job {job.id} has ended: nothing to cancel.", severity="warning")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._act(f"job {job.id}: cancelled", lambda db: self._end_job(db, job))

        waiting = sum(job.id in other.after and not other.ended for other in self.snapshot.jobs)
        also = " What waits for it is cancelled, too." if waiting else ""
        self.push_screen(ConfirmScreen(f"Cancel job {job.id} ({job.kind}, {job.state})?{also}"), answered)

    def _end_job(self, db: sqlite3.Connection, job: Job) -> None:
        if cancel(db, job.id) == "asked" and running_worker(self.workspace) is None:
            settle_cancelled(self.workspace)

    @on(RetryWanted)
    def _retry(self, message: RetryWanted) -> None:
        def again(db: sqlite3.Connection) -> None:
            retry(db, message.job.id)
            wake(self.workspace)

        self._act(f"job {message.job.id}: queued again", again, needs_worker=True)

    @on(LogWanted)
    def _open_log(self, message: LogWanted) -> None:
        self.push_screen(LogScreen(message.job, self.workspace.job_log(message.job.id)))

    # How it is done, off the interface's thread

    def _act(self, done: str, action: Callable[[sqlite3.Connection], object], needs_worker: bool = False) -> None:
        self.run_worker(lambda: self._perform(done, action, needs_worker), thread=True, group="act")

    def _perform(self, done: str, action: Callable[[sqlite3.Connection], object], needs_worker: bool) -> None:
        try:
            db = open_store(self.workspace)
            try:
                action(db)
            finally:
                db.close()
            if needs_worker:
                start_worker(self.workspace)
        except (TtsdashError, sqlite3.Error, OSError) as error:
            self.post_message(ActionEnded(one_line(error), failed=True))
        else:
            self.post_message(ActionEnded(done))

    @on(ActionEnded)
    def _tell(self, message: ActionEnded) -> None:
        if message.text:
            self.notify(message.text, severity="error" if message.failed else "information", markup=False)


def open_dashboard(workspace: Workspace) -> None:
    """Run the dashboard until one leaves it. Raises BadInput, before anything is drawn, for a store that is no good."""
    open_store(workspace).close()
    Dashboard(workspace).run()
