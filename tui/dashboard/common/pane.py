"""The base classes of the panes: a table, the details of its focused row, and a hint while the table is empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget

from core.text import escape_control
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.common.table import KeyedTable
from tui.dashboard.messages import Outcome, PaneMounted

if TYPE_CHECKING:
    from core.workspace import Workspace
    from tui.dashboard.actions import Actions
    from tui.dashboard.context import Context
    from tui.dashboard.snapshot import Snapshot


class Pane(Widget):
    """The content of a tab, which shows the store."""

    context: Context
    """Set by subclasses, because their other base class has its own constructor."""

    @property
    def workspace(self) -> Workspace:
        """Return the workspace that the dashboard shows."""
        return self.context.workspace

    @property
    def actions(self) -> Actions:
        """Return the actions on the workspace."""
        return self.context.actions

    def report(self, outcome: Outcome | None) -> None:
        """Report the outcome of a dialog, if it has one."""
        if outcome:
            self.post_message(outcome)

    def on_mount(self) -> None:
        """Report that the pane is ready."""
        self.post_message(PaneMounted(str(self.id)))

    def show(self, snapshot: Snapshot) -> None:
        """Show a snapshot of the store."""
        raise NotImplementedError

    def take_focus(self) -> None:
        """Take the focus, since the tab is active now."""
        self.focus()

    def focus_row(self, key: str) -> None:
        """Focus a row as soon as the pane has one with that key."""

    def save_state(self) -> dict[str, Any]:
        """Return what the pane shows, as JSON values."""
        return {}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        """Restore a saved state, as far as it still applies."""


class TablePane(Vertical, Pane):
    """A table above the details of its focused row. Subclasses provide columns, rows and details."""

    HEADERS: tuple[str, ...] = ()
    EMPTY = ""
    TABLE_ID = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("comma", "scroll_detail(-3)", "Scroll details up", key_display=",", show=False, id="pane.detail_up"),
        Binding(
            "full_stop",
            "scroll_detail(3)",
            "Scroll details down",
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
        self._restored_row: str | None = None

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        yield from self.above_table()
        yield PlainText(self.EMPTY, classes="empty")
        yield KeyedTable(self.HEADERS, id=self.TABLE_ID, marks=self.MARKS, details=True)
        yield from self.below_table()
        # The table keeps the focus; the mouse can scroll the details.
        with VerticalScroll(classes="detail", can_focus=False):
            yield PlainText()

    def above_table(self) -> ComposeResult:
        """Yield widgets above the table."""
        yield from ()

    def below_table(self) -> ComposeResult:
        """Yield widgets between the table and the details."""
        yield from ()

    def action_scroll_detail(self, lines: int) -> None:
        """Scroll the details by some lines."""
        self.query_one(".detail", VerticalScroll).scroll_relative(y=lines, animate=False)

    @property
    def table(self) -> KeyedTable:
        """Return the table."""
        return self.query_one(KeyedTable)

    def take_focus(self) -> None:
        """Focus the table."""
        self.table.focus()

    def focus_row(self, key: str) -> None:
        """Focus a row as soon as the table has one with that key."""
        self.table.focus_row(key)

    def show(self, snapshot: Snapshot) -> None:
        """Show the rows of a snapshot and the details of the focused one."""
        self.snapshot = snapshot
        rows = self.rows(snapshot)
        self.set_class(not rows, "is-empty")
        self.table.show_header = bool(rows)
        self.table.show(rows, self.headers())
        if rows and self._restored_row:
            if any(key == self._restored_row for key, _ in rows):
                self.table.focus_row(self._restored_row)
            self._restored_row = None
        self.show_detail()

    def save_state(self) -> dict[str, Any]:
        """Return the focused row."""
        return {"row": self.table.focused_key}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        """Restore the focused row, if it still exists."""
        row = state.get("row")
        self._restored_row = row if isinstance(row, str) else None

    def on_data_table_row_highlighted(self) -> None:
        """Show the details of the newly focused row."""
        self.show_detail()

    @on(KeyedTable.RowSelected)
    def open_details(self) -> None:
        """Show the details of the focused row in full, on a separate screen."""
        from tui.dashboard.common.details import DetailsScreen

        if key := self.table.focused_key:
            self.app.push_screen(DetailsScreen(self.details_title(key), lambda: self._details_of(key)))

    def _details_of(self, key: str) -> str:
        return self.detail(self.snapshot, key) if self.snapshot and key == self.table.focused_key else ""

    def details_title(self, key: str) -> str:
        """Return the title above the details of a row."""
        return f"Details of {key}"

    def show_detail(self) -> None:
        """Show the details of the focused row."""
        key = self.table.focused_key
        text = self.detail(self.snapshot, key) if self.snapshot and key else ""
        self.query_one(".detail PlainText", PlainText).show(
            "\n".join(escape_control(line) for line in text.split("\n"))
        )

    def headers(self) -> tuple[str, ...]:
        """Return the columns that fit."""
        return self.HEADERS

    def rows(self, snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
        """Return the rows, each as its key and its cells."""
        raise NotImplementedError

    def detail(self, snapshot: Snapshot, key: str) -> str:
        """Return the details of a row."""
        raise NotImplementedError
