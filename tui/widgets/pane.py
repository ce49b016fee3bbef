"""What all tabs have in common: a table, something about the row in focus, and a word for when there is nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll

from core.text import printable
from tui.messages import PaneMounted
from tui.widgets.plain_text import PlainText
from tui.widgets.table import KeyedTable

if TYPE_CHECKING:
    from tui.snapshot import Snapshot


class TablePane(Vertical):
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

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.snapshot: Snapshot | None = None

    def compose(self) -> ComposeResult:
        yield from self.above_table()
        yield PlainText(self.EMPTY, classes="empty")
        yield KeyedTable(self.HEADERS, id=self.TABLE_ID, marks=self.MARKS)
        # The frame of the table takes the keys; a mouse may scroll the details.
        with VerticalScroll(classes="detail", can_focus=False):
            yield PlainText()

    def above_table(self) -> ComposeResult:
        """Widgets above the table."""
        yield from ()

    def action_scroll_detail(self, lines: int) -> None:
        self.query_one(".detail", VerticalScroll).scroll_relative(y=lines, animate=False)

    def on_mount(self) -> None:
        self.post_message(PaneMounted(self))

    @property
    def table(self) -> KeyedTable:
        return self.query_one(KeyedTable)

    def take_focus(self) -> None:
        self.table.focus()

    def show(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        rows = self.rows(snapshot)
        self.set_class(not rows, "is-empty")
        self.table.show_header = bool(rows)
        self.table.show(rows, self.headers())
        self.show_detail()

    def on_data_table_row_highlighted(self) -> None:
        self.show_detail()

    def show_detail(self) -> None:
        key = self.table.focused_key
        text = self.detail(self.snapshot, key) if self.snapshot and key else ""
        self.query_one(".detail PlainText", PlainText).show("\n".join(printable(line) for line in text.split("\n")))

    def headers(self) -> tuple[str, ...]:
        """The columns as there is room for them."""
        return self.HEADERS

    def rows(self, snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
        """The rows, each with its key."""
        raise NotImplementedError

    def detail(self, snapshot: Snapshot, key: str) -> str:
        """What there is to say about the row with that key."""
        raise NotImplementedError
