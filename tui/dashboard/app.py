"""The dashboard app: tabs that show one snapshot of the store.

Reading and acting happen in threads, which change the screen only through messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.events import Event, InputEvent
from textual.screen import ModalScreen, Screen
from textual.widgets import Footer, TabPane

from core.workspace import Workspace
from tui.dashboard.actions import Actions, perform
from tui.dashboard.common.status_bar import StatusBar
from tui.dashboard.common.tabs import Tabs
from tui.dashboard.context import Context
from tui.dashboard.environment import Environment
from tui.dashboard.idle_gc import IdleCollector
from tui.dashboard.input_guard import InputGuard
from tui.dashboard.messages import ActionEnded, ActivityRead, KeysRead, Outcome, PaneMounted, StoreChanged
from tui.dashboard.store_watch import StoreWatcher
from tui.dashboard.tab_list import TABS
from tui.dashboard.themes import CUSTOM_THEMES, THEME_CYCLE
from tui.text.format import id_list

if TYPE_CHECKING:
    from core.store.screen_state import ScreenState
    from tui.dashboard.common.pane import Pane
    from tui.dashboard.snapshot import Snapshot

_SAVE_INTERVAL_S = 1.0


class Dashboard(App[None]):
    """The dashboard on one workspace."""

    TITLE = "ttsdash"
    # Absolute, because Textual resolves relative paths against the file of the subclass.
    CSS_PATH: ClassVar[list[str | PurePath]] = [Path(__file__).with_name("app.tcss"), *(tab.styles for tab in TABS)]
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"tab({tab.id!r})", tab.title, show=False, id=f"app.{tab.id}")
            for number, tab in enumerate(TABS, 1)
        ),
        Binding("w", "worker", "Start or stop the worker", show=False, id="app.worker"),
        Binding("T", "next_theme", "Next theme", show=False, id="app.theme"),
        Binding("question_mark", "help", "Help", key_display="?", id="app.help"),
        Binding("q", "quit", "Quit", id="app.quit"),
    ]

    def __init__(
        self,
        workspace: Workspace,
        autostart: bool = True,
        screen: ScreenState | None = None,
        environment: Environment | None = None,
    ) -> None:
        """Restore a saved `screen`. With `autostart`, start a worker if none runs."""
        super().__init__()
        # Over a slow connection, animations only delay.
        self.animation_level = "none"
        self.workspace = workspace
        environment = environment or Environment()
        self.actions = Actions(workspace, environment)
        self.snapshot: Snapshot | None = None
        """What the tabs show; None until the store has been read."""
        self.panes: dict[str, Pane] = {}
        """The mounted panes, by the id of their tab."""
        self.keys: Mapping[str, str] = {}
        """The custom keys that are in effect, by action."""
        self.greeted = False
        """Whether the user has been shown the activity since the last visit."""
        self.context = Context(workspace, self.actions, environment)
        self._autostart = autostart
        self._restored = screen or {}
        self._saved: ScreenState = {}
        self._store = StoreWatcher(workspace, environment)
        self._collector = IdleCollector()
        self._guard = InputGuard()

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        yield StatusBar(self.workspace.root)
        with Tabs(initial=self._restored_value("tab", [tab.id for tab in TABS], TABS[0].id)):
            for number, tab in enumerate(TABS, 1):
                yield TabPane(f"{number} {tab.title}", id=tab.id)
        yield Footer(show_command_palette=False)

    def _restored_value(self, name: str, known: Iterable[str], default: str) -> str:
        """Return a saved value of the app itself, or the default if that value is no longer known."""
        value = str(self._restored.get("app", {}).get(name))
        return value if value in known else default

    def on_mount(self) -> None:
        """Register the themes and restore the saved one."""
        for theme in CUSTOM_THEMES:
            self.register_theme(theme)
        self.theme = self._restored_value("theme", self.available_themes, self.theme)
        self.screen_change_signal.subscribe(self, self._guard.close_until_shown)
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        """Mount the panes, read the store and start a worker, once the frame is drawn."""
        for tab in TABS:
            self.query_one(f"#{tab.id}", TabPane).mount(tab.make(self.context, tab.pane_id))
        self.set_interval(_SAVE_INTERVAL_S, self._save_screen)
        self._collector.start()
        self.set_interval(_SAVE_INTERVAL_S, self._collector.collect_if_idle)
        perform(self, self.actions.read_activity)
        self.run_worker(self._watch_store, thread=True, group="watch")
        if self._autostart:
            perform(self, self.actions.ensure_worker)

    def get_driver_class(self) -> type[Driver]:
        """Return the driver, made robust on Linux and macOS."""
        from textual.drivers.linux_driver import LinuxDriver

        from tui.dashboard.driver import ResilientDriver

        default = super().get_driver_class()
        return ResilientDriver if default is LinuxDriver else default

    async def on_event(self, event: Event) -> None:
        """Note input before handling an event, and drop what was typed for another screen.

        A key comes a second time if no widget has used it: then it runs as a command of the screen that is open by now.
        """
        if isinstance(event, InputEvent):
            self._collector.note_input()
        if self._guard.admits(event):
            await super().on_event(event)

    @property
    def _is_open(self) -> bool:
        """Return whether there is a screen: messages still arrive while the app closes."""
        return self.is_running and bool(self.screen_stack)

    def on_unmount(self) -> None:
        """Stop watching the store."""
        self._store.stop()

    # The store

    def _watch_store(self) -> None:
        self._store.run(
            on_change=lambda snapshot: self.post_message(StoreChanged(snapshot)),
            on_error=lambda error: self.post_message(Outcome(error, failed=True)),
        )

    def _save_screen(self) -> None:
        """Save what is shown if it has changed: the terminal may disappear at any moment."""
        if not self._is_open:
            return
        app = {"tab": self.query_one(Tabs).active, "theme": self.theme}
        screen = {"app": app, **{str(pane.id): pane.save_state() for pane in self.panes.values()}}
        if screen != self._saved:
            self._saved = screen
            self._store.save_screen(screen)

    def exit(self, *arguments: Any, **named: Any) -> None:
        """Save the state of the screen and exit."""
        self._save_screen()
        super().exit(*arguments, **named)

    @on(StoreChanged)
    def _show_snapshot(self, message: StoreChanged) -> None:
        if not self._is_open:
            return
        self.snapshot = message.snapshot
        self.query_one(StatusBar).show(self.snapshot)
        for pane in self.panes.values():
            pane.show(self.snapshot)

    @on(ActivityRead)
    def _greet(self, message: ActivityRead) -> None:
        if not self._is_open:
            return
        activity = message.activity
        # `since` is empty on the first visit.
        if activity.since and (activity.ended or activity.hook_failures):
            from tui.dashboard.common.activity import ActivityScreen

            self.push_screen(ActivityScreen(activity))
        self.greeted = self._store.records_visit = True
        self.call_after_refresh(perform, self, self.actions.record_visit, activity)

    @on(PaneMounted)
    def _add_pane(self, message: PaneMounted) -> None:
        if not self._is_open:
            return
        from tui.dashboard.common.pane import Pane

        tab = next(tab for tab in TABS if tab.pane_id == message.pane_id)
        pane = self.query_one(f"#{message.pane_id}", Pane)
        self.panes[tab.id] = pane
        if len(self.panes) == len(TABS):
            perform(self, self.actions.read_keys)
        pane.restore_state(self._restored.get(tab.pane_id, {}))
        if self.snapshot:
            pane.show(self.snapshot)
        if self.query_one(Tabs).active == tab.id:
            pane.take_focus()

    # Keys

    def action_tab(self, name: str) -> None:
        """Open a tab and focus its pane. A screen over the tabs, such as a log, is left."""
        while len(self.screen_stack) > 1:
            if isinstance(self.screen, ModalScreen):
                return
            self.pop_screen()
        self.query_one(Tabs).active = name
        self._focus_tab()

    @on(Tabs.TabActivated)
    def _focus_tab(self) -> None:
        """Focus the pane of the active tab."""
        pane = self.panes.get(self.query_one(Tabs).active)
        if pane:
            pane.take_focus()

    def action_next_theme(self) -> None:
        """Switch to the next theme."""
        position = THEME_CYCLE.index(self.theme) if self.theme in THEME_CYCLE else -1
        self.theme = THEME_CYCLE[(position + 1) % len(THEME_CYCLE)]
        self.notify(f"Theme: {self.theme}", timeout=2)

    @on(KeysRead)
    def _apply_keys(self, message: KeysRead) -> None:
        if not self._is_open:
            return
        from tui.dashboard.common.table import KeyedTable
        from tui.dashboard.keymap import read_keymap

        keymap = read_keymap(message.keys, [*map(type, self.panes.values())], [KeyedTable, type(self)])
        self.keys = keymap.keys
        self.set_keymap(keymap.keys)
        if keymap.problems:
            more = f" (and {len(keymap.problems) - 1} more)" if len(keymap.problems) > 1 else ""
            self._report(Outcome(keymap.problems[0] + more, failed=True))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield the commands of the palette."""
        from tui.dashboard.palette import palette_commands

        yield SystemCommand("Theme", "Change the theme", self.action_change_theme)
        yield from palette_commands(self, self.panes, self.keys)

    def action_help(self) -> None:
        """Open the help."""
        from tui.dashboard.common.help import HelpScreen
        from tui.dashboard.keymap import active_keys

        self.push_screen(HelpScreen(active_keys(self)))

    def action_worker(self) -> None:
        """Start the worker, or ask whether to stop it."""
        from tui.dashboard.common.confirm import Question, confirm

        if self.snapshot is None:
            return
        if self.snapshot.worker is None or self.snapshot.worker_unresponsive:
            perform(self, self.actions.start_worker)
            return
        question = "Stop the worker?"
        if self.snapshot.running:
            ids = [job.id for job in self.snapshot.running]
            question += f" {'Job' if len(ids) == 1 else 'Jobs'} {id_list(ids)} will be requeued."
        confirm(self, Question(question, self.actions.stop_worker))

    @on(ActionEnded)
    def _end_action(self, message: ActionEnded) -> None:
        """Give the outcome to its dialog, or show it if that is no longer open."""
        if self._is_open and self.screen is message.dialog:
            message.dialog.end(message.outcome)
        else:
            self._report(message.outcome)

    @on(Outcome)
    def _report(self, message: Outcome) -> None:
        if not self._is_open:
            return
        if message.then and (pane := self.panes.get(message.then.tab)):
            pane.focus_row(message.then.row)
        if message.text:
            self.notify(message.text, severity="error" if message.failed else "information", markup=False)
