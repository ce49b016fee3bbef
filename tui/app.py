"""The dashboard: tabs over one snapshot of the store. Threads read and act; only messages touch the screen."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.driver import Driver
from textual.events import Event, InputEvent
from textual.screen import Screen
from textual.widgets import Footer, TabPane

from core.errors import TtsdashError, one_line
from core.job_states import JobState
from core.store.database import open_store
from core.workspace import Workspace
from tui.cli.signals import ending
from tui.formats import id_list
from tui.garbage import QuietCollector
from tui.messages import (
    ActionEnded,
    ActionWanted,
    CameBack,
    CancelWanted,
    EditWanted,
    ExportWanted,
    KeysRead,
    LogWanted,
    OptimizeWanted,
    PaneMounted,
    Planned,
    Proposed,
    StoreChanged,
)
from tui.themes import IN_TURN, OWN
from tui.widgets.tabs import Tabs
from tui.widgets.top_line import TopLine

if TYPE_CHECKING:
    from core.store.screen import ScreenState
    from tui.snapshot import Snapshot
    from tui.widgets.pane import Pane

_LOOK_S = 0.25
_KEEP_S = 1.0
_TABS = ("voices", "queue", "results", "selection", "system")


class Dashboard(App[None]):
    """What one sees on `ttsdash`."""

    TITLE = "ttsdash"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"tab({name!r})", name.title(), show=False, id=f"app.{name}")
            for number, name in enumerate(_TABS, 1)
        ),
        Binding("w", "worker", "Start or stop the worker", show=False, id="app.worker"),
        Binding("T", "next_theme", "Next theme", show=False, id="app.theme"),
        Binding("question_mark", "help", "Help", key_display="?", id="app.help"),
        Binding("q", "quit", "Quit", id="app.quit"),
    ]

    def __init__(self, workspace: Workspace, autostart: bool = True, screen: ScreenState | None = None) -> None:
        """`screen` is what was shown last."""
        super().__init__()
        # What glides into its place comes late over a slow line.
        self.animation_level = "none"
        self.workspace = workspace
        self.snapshot: Snapshot | None = None
        """What is on the screen; None until the store has been read."""
        self._autostart = autostart
        self._greeted = False
        self._panes: list[Pane] = []
        self._recalled = screen or {}
        self._kept: ScreenState = {}
        self._to_keep: ScreenState | None = None
        self._left = threading.Event()
        self._garbage = QuietCollector()

    def compose(self) -> ComposeResult:
        yield TopLine(self.workspace.root)
        with Tabs(initial=self._own_state("tab", _TABS, "voices")):
            yield TabPane("1 Voices", id="voices")
            yield TabPane("2 Queue", id="queue")
            yield TabPane("3 Results", id="results")
            yield TabPane("4 Selection", id="selection")
            yield TabPane("5 System", id="system")
        yield Footer(show_command_palette=False)

    def _own_state(self, name: str, known: Iterable[str], otherwise: str) -> str:
        """Of what was shown last that which is not of one pane."""
        value = str(self._recalled.get("app", {}).get(name))
        return value if value in known else otherwise

    def on_mount(self) -> None:
        for theme in OWN:
            self.register_theme(theme)
        self.theme = self._own_state("theme", self.available_themes, self.theme)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """Once the frame is drawn: what the tabs hold, the store, and a worker if none runs."""
        from tui.widgets.queue_pane import QueuePane
        from tui.widgets.results_pane import ResultsPane
        from tui.widgets.selection_pane import SelectionPane
        from tui.widgets.system_pane import SystemPane
        from tui.widgets.voices_pane import VoicesPane

        self.query_one("#voices", TabPane).mount(VoicesPane(self.workspace, id="voices-pane"))
        self.query_one("#queue", TabPane).mount(QueuePane(id="queue-pane"))
        self.query_one("#results", TabPane).mount(ResultsPane(self.workspace, id="results-pane"))
        self.query_one("#selection", TabPane).mount(SelectionPane(self.workspace, id="selection-pane"))
        self.query_one("#system", TabPane).mount(SystemPane(self.workspace, id="system-pane"))
        self.set_interval(_KEEP_S, self._keep_screen)
        self._garbage.begin()
        self.set_interval(_KEEP_S, self._garbage.look)
        self._act("come_back")
        self.run_worker(self._watch, thread=True, group="watch")
        if self._autostart:
            self._act("ensure_worker")

    def get_driver_class(self) -> type[Driver]:
        from textual.drivers.linux_driver import LinuxDriver

        from tui.driver import PatientDriver

        found = super().get_driver_class()
        return PatientDriver if found is LinuxDriver else found

    async def on_event(self, event: Event) -> None:
        if isinstance(event, InputEvent):
            self._garbage.touch()
        await super().on_event(event)

    @property
    def _is_open(self) -> bool:
        """Whether there is a screen to show something on: messages still come while the dashboard is being closed."""
        return self.is_running and bool(self.screen_stack)

    @property
    def _is_in_sight(self) -> bool:
        """Whether nothing lies over the tabs: who has turned to something else meanwhile is not interrupted."""
        return self._is_open and len(self.screen_stack) == 1

    def on_unmount(self) -> None:
        self._left.set()

    # What the store tells

    def _watch(self) -> None:
        """Look at the store four times a second, and tell when it has changed."""
        from core.store.screen import keep_screen
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
            if (screen := self._to_keep) is not None:
                self._to_keep = None
                # What cannot be kept now is kept with the next change: nobody waits for it.
                with suppress(sqlite3.Error):
                    keep_screen(db, screen)
        if self._greeted:
            # What ended meanwhile has been seen; what cannot be noted is told again the next time.
            with suppress(sqlite3.Error):
                note_visit(db, read_away(db))
        db.close()

    def _keep_screen(self) -> None:
        """Have what is shown kept, if it is another than before: the terminal may be gone at any moment."""
        if not self._is_open:
            return
        own = {"tab": self.query_one(Tabs).active, "theme": self.theme}
        screen = {"app": own, **{str(pane.id): pane.remember() for pane in self._panes}}
        if screen != self._kept:
            self._kept = self._to_keep = screen

    def exit(self, *arguments: Any, **named: Any) -> None:
        self._keep_screen()
        super().exit(*arguments, **named)

    @on(StoreChanged)
    def _show(self, message: StoreChanged) -> None:
        if not self._is_open:
            return
        self.snapshot = message.snapshot
        self.query_one(TopLine).show(self.snapshot)
        for pane in self._panes:
            pane.show(self.snapshot)

    @on(CameBack)
    def _greet(self, message: CameBack) -> None:
        if not self._is_open:
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
        if not self._is_open:
            return
        self._panes.append(message.pane)
        if len(self._panes) == len(_TABS):
            self._act("read_keys")
        message.pane.recall(self._recalled.get(str(message.pane.id), {}))
        if self.snapshot:
            message.pane.show(self.snapshot)
        if self.query_one(Tabs).active_pane in message.pane.ancestors:
            message.pane.take_focus()

    # What keys ask for

    def action_tab(self, name: str) -> None:
        self.query_one(Tabs).active = name
        self._focus_tab()

    @on(Tabs.TabActivated)
    def _focus_tab(self) -> None:
        """Of the tab that is in sight by now."""
        tab = self.query_one(Tabs).active_pane
        for pane in self._panes:
            if tab in pane.ancestors:
                pane.take_focus()

    def action_next_theme(self) -> None:
        place = IN_TURN.index(self.theme) if self.theme in IN_TURN else -1
        self.theme = IN_TURN[(place + 1) % len(IN_TURN)]
        self.notify(f"theme {self.theme}", timeout=2)

    @on(KeysRead)
    def _take_keys(self, message: KeysRead) -> None:
        if not self._is_open:
            return
        from tui.keys import read_keymap
        from tui.widgets.table import KeyedTable

        found = read_keymap(message.keys, [*map(type, self._panes)], [KeyedTable, type(self)])
        self.set_keymap(found.keys)
        if found.problems:
            more = f" (and {len(found.problems) - 1} more)" if len(found.problems) > 1 else ""
            self._tell(ActionEnded(found.problems[0] + more, failed=True))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What the palette offers: all that keys can ask for, in any tab."""
        from tui.keys import bindings_of

        yield SystemCommand("Theme", "Choose how it looks", self.action_change_theme)
        tabs = [(tab, pane) for tab in self.query(TabPane) for pane in self._panes if tab in pane.ancestors]
        nodes: list[tuple[TabPane | None, DOMNode]] = [*tabs, (None, self)]
        for tab, node in nodes:
            for binding in bindings_of(type(node)):
                name = f"{str(tab.id).title()}: {binding.description}" if tab else binding.description
                if binding.description and binding.id:
                    key = self.get_key_display(binding.with_key(self._keymap.get(binding.id, binding.key)))
                    yield SystemCommand(name, key, partial(self._run_in, tab, binding.action, node))

    async def _run_in(self, tab: TabPane | None, action: str, node: DOMNode) -> None:
        if tab:
            self.action_tab(str(tab.id))
        await self.run_action(action, node)

    def action_help(self) -> None:
        from tui.keys import own_keys
        from tui.screens.help import HelpScreen

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

        self.push_screen(AddVoiceScreen(self.workspace), lambda path: self._act("add_voice", path) if path else None)

    @on(OptimizeWanted)
    def _optimize(self, message: OptimizeWanted) -> None:
        from tui.screens.optimize import OptimizeScreen

        if self.snapshot:
            self.push_screen(
                OptimizeScreen(self.workspace, self.snapshot, message.voice, message.gone, message.kind),
                lambda wish: self._act("optimize", message.voice, wish) if wish else None,
            )

    @on(Planned)
    def _ask_for_all(self, message: Planned) -> None:
        if self._is_in_sight:
            self._confirm(message.question, "optimize", message.voice, message.wish)

    @on(CancelWanted)
    def _cancel(self, message: CancelWanted) -> None:
        ids = [job.id for job in message.jobs if not job.ended]
        if not ids or self.snapshot is None:
            self.notify(
                f"Job {id_list([job.id for job in message.jobs])} has ended: nothing to cancel.", severity="warning"
            )
            return
        others = any(set(ids).intersection(job.waits_for) and job.id not in ids for job in self.snapshot.jobs)
        also = f" What waits for {'it' if len(ids) == 1 else 'them'} is cancelled, too." if others else ""
        (first, *more) = (job for job in message.jobs if job.id in ids)
        what = f"{len(ids)} jobs ({id_list(ids)})" if more else f"job {first.id} ({first.kind}, {first.state})"
        self._confirm(f"Cancel {what}?{also}", "cancel_jobs", ids)

    def action_cancel_all(self) -> None:
        counts = self.snapshot.counts if self.snapshot else {}
        running, waiting = counts.get(JobState.RUNNING, 0), counts.get(JobState.QUEUED, 0)
        if not running + waiting:
            self.notify("No job runs or waits: nothing to cancel.", severity="warning")
            return
        self._confirm(f"Cancel all jobs? {running or 'None'} running, {waiting or 'none'} waiting.", "cancel_all_jobs")

    @on(EditWanted)
    def _edit(self, message: EditWanted) -> None:
        from tui.screens.edit_job import EditJobScreen

        job = message.job
        if job.state != JobState.QUEUED:
            self.notify(f"Job {job.id} is {job.state}: only one that waits can be edited.", severity="warning")
            return
        self.push_screen(EditJobScreen(job), lambda wording: self._act("edit", job, wording) if wording else None)

    def action_retry_failed(self) -> None:
        self._act("retry_failed_jobs")

    def action_pause(self) -> None:
        if self.snapshot:
            self._act("resume_queue" if self.snapshot.queue.paused else "pause_queue")

    @on(LogWanted)
    def _open_log(self, message: LogWanted) -> None:
        from tui.screens.log import LogScreen

        self.push_screen(LogScreen(message.job, self.workspace.job_log(message.job.id)))

    @on(Proposed)
    def _offer(self, message: Proposed) -> None:
        from tui.widgets.selection_pane import SelectionPane

        if self._is_in_sight:
            self.query_one(SelectionPane).offer(message.proposal)

    @on(ActionWanted)
    def _do(self, message: ActionWanted) -> None:
        self._act(message.action, *message.arguments)

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
            ended: ActionEnded | CameBack | KeysRead | Planned | Proposed = getattr(actions, action)(
                self.workspace, *arguments
            )
        except (TtsdashError, sqlite3.Error, OSError) as error:
            self.post_message(ActionEnded(one_line(error), failed=True))
        else:
            self.post_message(ended)

    @on(ActionEnded)
    def _tell(self, message: ActionEnded) -> None:
        if not self._is_open:
            return
        from tui.widgets.table import KeyedTable

        if message.voice:
            self.query_one("#voices-table", KeyedTable).focus_row(f"{message.voice}/original")
        if message.job:
            self.query_one("#jobs-table", KeyedTable).focus_row(str(message.job))
        if message.assistant:
            from tui.widgets.selection_pane import SelectionPane

            self.query_one(SelectionPane).look()
        if message.text:
            self.notify(message.text, severity="error" if message.failed else "information", markup=False)


def open_dashboard(workspace: Workspace) -> None:
    """Run the dashboard until one leaves it. Raises BadInput, before anything is drawn, for a store that is no good."""
    from core.store.screen import read_screen

    with closing(open_store(workspace)) as db:
        screen = read_screen(db)
    threading.Thread(target=_end_with_terminal, daemon=True).start()
    asyncio.run(_run(Dashboard(workspace, screen=screen)))


async def _run(dashboard: Dashboard) -> None:
    # A signal comes in the middle of anything: the loop ends the dashboard, which then leaves the terminal as it was.
    ending.react = partial(asyncio.get_running_loop().call_soon_threadsafe, dashboard.exit)
    await dashboard.run_async()


def _end_with_terminal() -> None:
    """End at once where the terminal is gone: Textual would read its end without a pause, and hang where it writes."""
    while sys.stdin.isatty():
        time.sleep(_LOOK_S)
    os._exit(128 + signal.SIGHUP)
