"""The dashboard: tabs over one snapshot of the store. Threads read and act; only messages touch the screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.events import Event, InputEvent
from textual.screen import Screen
from textual.widgets import Footer, TabPane

from core.workspace import Workspace
from tui.dashboard.actions import Actions, perform
from tui.dashboard.common.status_bar import StatusBar
from tui.dashboard.common.tabs import Tabs
from tui.dashboard.context import Context
from tui.dashboard.environment import Environment
from tui.dashboard.idle_gc import IdleCollector
from tui.dashboard.messages import ActivityRead, KeysRead, Outcome, PaneMounted, StoreChanged
from tui.dashboard.store_watch import StoreWatcher
from tui.dashboard.tab_list import TABS
from tui.dashboard.themes import CUSTOM_THEMES, THEME_CYCLE

if TYPE_CHECKING:
    from core.store.screen_state import ScreenState
    from tui.dashboard.common.pane import Pane
    from tui.dashboard.snapshot import Snapshot

_KEEP_S = 1.0


class Dashboard(App[None]):
    """The dashboard on one workspace."""

    TITLE = "ttsdash"
    # Absolute, since a relative path is looked for beside the file of a subclass.
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
        """Open at what was shown last, `screen`; with `autostart`, start a worker if none runs."""
        super().__init__()
        # Gliding would only come late over a slow line.
        self.animation_level = "none"
        self.workspace = workspace
        environment = environment or Environment()
        self.actions = Actions(workspace, environment)
        self.snapshot: Snapshot | None = None
        """What is on the screen; None until the store has been read."""
        self.panes: dict[str, Pane] = {}
        """By the id of its tab, each pane that is ready."""
        self.keys: Mapping[str, str] = {}
        """The keys in the settings, by action, as far as they can be used."""
        self.greeted = False
        """Whether the user has been shown what happened since the last visit."""
        self.context = Context(workspace, self.actions, environment)
        self._autostart = autostart
        self._recalled = screen or {}
        self._kept: ScreenState = {}
        self._store = StoreWatcher(workspace, environment)
        self._garbage = IdleCollector()

    def compose(self) -> ComposeResult:
        yield StatusBar(self.workspace.root)
        with Tabs(initial=self._own_state("tab", [tab.id for tab in TABS], TABS[0].id)):
            for number, tab in enumerate(TABS, 1):
                yield TabPane(f"{number} {tab.title}", id=tab.id)
        yield Footer(show_command_palette=False)

    def _own_state(self, name: str, known: Iterable[str], otherwise: str) -> str:
        """Return what was shown last of the dashboard itself, if it still exists."""
        value = str(self._recalled.get("app", {}).get(name))
        return value if value in known else otherwise

    def on_mount(self) -> None:
        for theme in CUSTOM_THEMES:
            self.register_theme(theme)
        self.theme = self._own_state("theme", self.available_themes, self.theme)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """Fill the tabs, read the store and start a worker, once the frame is drawn."""
        for tab in TABS:
            self.query_one(f"#{tab.id}", TabPane).mount(tab.make(self.context, tab.pane_id))
        self.set_interval(_KEEP_S, self._keep_screen)
        self._garbage.begin()
        self.set_interval(_KEEP_S, self._garbage.look)
        perform(self, self.actions.come_back)
        self.run_worker(self._watch, thread=True, group="watch")
        if self._autostart:
            perform(self, self.actions.ensure_worker)

    def get_driver_class(self) -> type[Driver]:
        from textual.drivers.linux_driver import LinuxDriver

        from tui.dashboard.driver import ResilientDriver

        found = super().get_driver_class()
        return ResilientDriver if found is LinuxDriver else found

    async def on_event(self, event: Event) -> None:
        if isinstance(event, InputEvent):
            self._garbage.touch()
        await super().on_event(event)

    @property
    def _is_open(self) -> bool:
        """Return whether there is a screen to show something on: messages still come while the dashboard closes."""
        return self.is_running and bool(self.screen_stack)

    def on_unmount(self) -> None:
        self._store.end()

    # The store

    def _watch(self) -> None:
        self._store.run(
            changed=lambda snapshot: self.post_message(StoreChanged(snapshot)),
            failed=lambda problem: self.post_message(Outcome(problem, failed=True)),
        )

    def _keep_screen(self) -> None:
        """Write down what is shown, if it has changed: the terminal may be gone at any moment."""
        if not self._is_open:
            return
        own = {"tab": self.query_one(Tabs).active, "theme": self.theme}
        screen = {"app": own, **{str(pane.id): pane.save_state() for pane in self.panes.values()}}
        if screen != self._kept:
            self._kept = screen
            self._store.keep(screen)

    def exit(self, *arguments: Any, **named: Any) -> None:
        self._keep_screen()
        super().exit(*arguments, **named)

    @on(StoreChanged)
    def _show(self, message: StoreChanged) -> None:
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
        away = message.away
        # A first visit has no absence before it.
        if away.since and (away.ended or away.hook_failures):
            from tui.dashboard.common.activity import ActivityScreen

            self.push_screen(ActivityScreen(away))
        self.greeted = self._store.note_visit = True
        self.call_after_refresh(perform, self, self.actions.note_told, away)

    @on(PaneMounted)
    def _show_first(self, message: PaneMounted) -> None:
        if not self._is_open:
            return
        from tui.dashboard.common.pane import Pane

        tab = next(tab for tab in TABS if tab.pane_id == message.pane_id)
        pane = self.query_one(f"#{message.pane_id}", Pane)
        self.panes[tab.id] = pane
        if len(self.panes) == len(TABS):
            perform(self, self.actions.read_keys)
        pane.restore_state(self._recalled.get(tab.pane_id, {}))
        if self.snapshot:
            pane.show(self.snapshot)
        if self.query_one(Tabs).active == tab.id:
            pane.take_focus()

    # Keys

    def action_tab(self, name: str) -> None:
        self.query_one(Tabs).active = name
        self._focus_tab()

    @on(Tabs.TabActivated)
    def _focus_tab(self) -> None:
        """Focus the tab that is in sight by now."""
        pane = self.panes.get(self.query_one(Tabs).active)
        if pane:
            pane.take_focus()

    def action_next_theme(self) -> None:
        place = THEME_CYCLE.index(self.theme) if self.theme in THEME_CYCLE else -1
        self.theme = THEME_CYCLE[(place + 1) % len(THEME_CYCLE)]
        self.notify(f"theme {self.theme}", timeout=2)

    @on(KeysRead)
    def _take_keys(self, message: KeysRead) -> None:
        if not self._is_open:
            return
        from tui.dashboard.common.table import KeyedTable
        from tui.dashboard.keymap import read_keymap

        found = read_keymap(message.keys, [*map(type, self.panes.values())], [KeyedTable, type(self)])
        self.keys = found.keys
        self.set_keymap(found.keys)
        if found.problems:
            more = f" (and {len(found.problems) - 1} more)" if len(found.problems) > 1 else ""
            self._tell(Outcome(found.problems[0] + more, failed=True))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        from tui.dashboard.palette import palette_commands

        yield SystemCommand("Theme", "Choose how it looks", self.action_change_theme)
        yield from palette_commands(self, self.panes, self.keys)

    def action_help(self) -> None:
        from tui.dashboard.common.help import HelpScreen
        from tui.dashboard.keymap import active_keys

        self.push_screen(HelpScreen(active_keys(self)))

    def action_worker(self) -> None:
        from tui.dashboard.common.confirm import confirm

        if self.snapshot is None:
            return
        if self.snapshot.worker is None or self.snapshot.worker_unresponsive:
            perform(self, self.actions.start_worker)
            return
        question = "Stop the worker?"
        if self.snapshot.running:
            running = ", ".join(str(job.id) for job in self.snapshot.running)
            question += f" Job {running} goes back into the queue."
        confirm(self, question, lambda: perform(self, self.actions.stop_worker))

    @on(Outcome)
    def _tell(self, message: Outcome) -> None:
        if not self._is_open:
            return
        if message.then and (pane := self.panes.get(message.then.tab)):
            pane.focus_row(message.then.row)
        if message.text:
            self.notify(message.text, severity="error" if message.failed else "information", markup=False)
