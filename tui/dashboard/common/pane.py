"""What all tabs have in common: a table, something about the row in focus, and a word for when there is nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget

from core.text import escape_control
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.common.table import KeyedTable
from tui.dashboard.messages import PaneMounted

if TYPE_CHECKING:
    from core.workspace import Workspace
    from tui.dashboard.actions import Actions
    from tui.dashboard.context import Context
    from tui.dashboard.snapshot import Snapshot


class Pane(Widget):
    """The content of a tab, which shows the store."""

    context: Context
    """Set by the subclasses, whose other base class has a constructor of its own."""

    @property
    def workspace(self) -> Workspace:
        return self.context.workspace

    @property
    def actions(self) -> Actions:
        return self.context.actions

    @property
    def is_frontmost(self) -> bool:
        """Return whether nothing lies over the tabs: a user who has gone on to something else is not interrupted."""
        return self.app.is_running and len(self.app.screen_stack) == 1

    def on_mount(self) -> None:
        self.post_message(PaneMounted(str(self.id)))

    def show(self, snapshot: Snapshot) -> None:
        raise NotImplementedError

    def take_focus(self) -> None:
        """Its tab is the one in sight now."""
        self.focus()

    def focus_row(self, key: str) -> None:
        """Focus a row of its table as soon as there is one with that key."""

    def save_state(self) -> dict[str, Any]:
        """What it shows, as plain values, for the next time."""
        return {}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        """Show what it remembered, as far as that is there still."""


class TablePane(Vertical, Pane):
    """A table over a detail view. Subclasses say which columns, which rows and which details."""

    HEADERS: tuple[str, ...] = ()
    EMPTY = ""
    TABLE_ID = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "comma", "scroll_detail(-3)", "Scroll the details up", key_display=",", show=False, id="pane.detail_up"
        ),
        Binding(
            "full_stop",
            "scroll_detail(3)",
            "Scroll the details down",
            key_display=".",
            show=False,
            id="pane.detail_down",
        ),
    ]
    MARKS = False
    """Whether rows can be marked."""

    def __init__(self, context: Context, id: str) -> None:
        super().__init__(id=id)
        self.context = context
        self.snapshot: Snapshot | None = None
        self._recalled: str | None = None

    def compose(self) -> ComposeResult:
        yield from self.above_table()
        yield PlainText(self.EMPTY, classes="empty")
        yield KeyedTable(self.HEADERS, id=self.TABLE_ID, marks=self.MARKS)
        yield from self.below_table()
        # The frame of the table takes the keys; a mouse may scroll the details.
        with VerticalScroll(classes="detail", can_focus=False):
            yield PlainText()

    def above_table(self) -> ComposeResult:
        """Widgets above the table."""
        yield from ()

    def below_table(self) -> ComposeResult:
        """Widgets between the table and the details."""
        yield from ()

    def action_scroll_detail(self, lines: int) -> None:
        self.query_one(".detail", VerticalScroll).scroll_relative(y=lines, animate=False)

    @property
    def table(self) -> KeyedTable:
        return self.query_one(KeyedTable)

    def take_focus(self) -> None:
        self.table.focus()

    def focus_row(self, key: str) -> None:
        self.table.focus_row(key)

    def show(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        rows = self.rows(snapshot)
        self.set_class(not rows, "is-empty")
        self.table.show_header = bool(rows)
        self.table.show(rows, self.headers())
        if rows and self._recalled:
            if any(key == self._recalled for key, _ in rows):
                self.table.focus_row(self._recalled)
            self._recalled = None
        self.show_detail()

    def save_state(self) -> dict[str, Any]:
        return {"row": self.table.focused_key}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        row = state.get("row")
        self._recalled = row if isinstance(row, str) else None

    def on_data_table_row_highlighted(self) -> None:
        self.show_detail()

    def show_detail(self) -> None:
        key = self.table.focused_key
        text = self.detail(self.snapshot, key) if self.snapshot and key else ""
        self.query_one(".detail PlainText", PlainText).show(
            "\n".join(escape_control(line) for line in text.split("\n"))
        )

    def headers(self) -> tuple[str, ...]:
        """The columns as there is room for them."""
        return self.HEADERS

    def rows(self, snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
        """The rows, each with its key."""
        raise NotImplementedError

    def detail(self, snapshot: Snapshot, key: str) -> str:
        """What there is to say about the row with that key."""
        raise NotImplementedError
