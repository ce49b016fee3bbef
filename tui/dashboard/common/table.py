"""A table whose rows have keys: the focus and the marks stay on their rows when the content changes."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.geometry import Region
from textual.message import Message
from textual.widgets import DataTable

from core.text import escape_control

Row = tuple[str, Sequence[str]]
"""A key and the cells."""


class KeyedTable(DataTable[Text]):
    """A table. Columns whose header starts with ">" are right-aligned.

    With `marks`, Space marks rows; with `details`, Enter selects one, which shows its details.
    """

    class Marked(Message):
        """The set of marked rows has changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Details", id="table.details"),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
        Binding("g", "scroll_top", "First", show=False),
        Binding("G", "scroll_bottom", "Last", show=False),
        Binding("space", "mark", "Mark", show=False, id="table.mark"),
        Binding("escape", "unmark", "Clear marks", show=False, id="table.unmark"),
    ]

    def __init__(self, headers: Sequence[str], id: str, marks: bool = False, details: bool = False) -> None:
        super().__init__(id=id, cursor_type="row", zebra_stripes=False, cell_padding=0)
        self._headers = tuple(headers)
        self._shown: list[Row] = []
        self._pending_focus: str | None = None
        self._marks, self._details = marks, details
        self._marked: set[str] = set()

    def on_mount(self) -> None:
        """Add the columns."""
        self._add_headers()

    def _add_headers(self) -> None:
        for column, header in enumerate(self._headers):
            self.add_column(self._cell(column, header.lstrip(">")))

    def show(self, rows: Sequence[Row], headers: Sequence[str] | None = None) -> None:
        """Show rows, and change the headers if some are given.

        The focus stays on its row, or on its position if that row has gone.
        """
        new_headers = headers is not None and tuple(headers) != self._headers
        if rows == self._shown and not new_headers:
            return
        if not new_headers and [key for key, _ in rows] == [key for key, _ in self._shown]:
            self._update_cells(rows)
            return
        focused, cursor, left, top = self.focused_key, self.cursor_row, self.scroll_x, self.scroll_y
        self._shown = list(rows)
        self.clear(columns=new_headers)
        if new_headers:
            self._headers = tuple(headers or ())
            self._add_headers()
        keys = [key for key, _ in rows]
        self._marked.intersection_update(keys)
        for key, cells in rows:
            self.add_row(*(self._cell(column, escape_control(cell), key) for column, cell in enumerate(cells)), key=key)
        position = keys.index(focused) if focused in keys else min(cursor, len(keys) - 1)
        if self._pending_focus in keys:
            self.focus_row(self._pending_focus or "")
        elif keys:
            self.move_cursor(row=max(0, position), animate=False)
            self.scroll_to(x=left, y=top, animate=False)

    def _update_cells(self, rows: Sequence[Row]) -> None:
        """Update changed cells of the same rows, which costs a fraction of filling the table again."""
        shown, self._shown = self._shown, list(rows)
        for line, ((key, cells), (_, before)) in enumerate(zip(rows, shown, strict=True)):
            for column, (cell, old) in enumerate(zip(cells, before, strict=True)):
                if cell != old:
                    position = Coordinate(line, column)
                    self.update_cell_at(position, self._cell(column, escape_control(cell), key), update_width=True)

    def show_column(self, column: int) -> None:
        """Scroll to a column; call this when its width is known."""
        widths = [shown.get_render_width(self) for shown in self.ordered_columns]
        region = Region(sum(widths[:column]), int(self.scroll_y), widths[column], 1)
        self.scroll_to_region(region, animate=False, x_axis=True, y_axis=False)

    def focus_row(self, key: str) -> None:
        """Focus the row with this key as soon as there is one."""
        keys = [shown for shown, _ in self._shown]
        self._pending_focus = None if key in keys else key
        if key in keys:
            self.move_cursor(row=keys.index(key), animate=False)

    @property
    def focused_key(self) -> str | None:
        """Return the key of the focused row."""
        if not self.row_count or not self.is_valid_row_index(self.cursor_row):
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value

    @property
    def marked(self) -> list[str]:
        """Return the keys of the marked rows, from top to bottom."""
        return [key for key, _ in self._shown if key in self._marked]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return whether an action is available: marking and details depend on the table, clearing on marks."""
        if action == "unmark":
            return bool(self._marked)
        if action == "select_cursor":
            return self._details
        return self._marks if action == "mark" else super().check_action(action, parameters)

    def action_mark(self) -> None:
        """Toggle the mark of the focused row and move to the next row."""
        if key := self.focused_key:
            self._set_marks(self._marked ^ {key})
            self.action_cursor_down()

    def action_unmark(self) -> None:
        """Clear all marks."""
        self._set_marks(set())

    def _set_marks(self, keys: set[str]) -> None:
        changed, self._marked = self._marked ^ keys, keys
        for row, (key, cells) in enumerate(self._shown):
            if key in changed:
                self.update_cell_at(Coordinate(row, 0), self._cell(0, escape_control(cells[0]), key))
        if changed:
            self.post_message(self.Marked())

    def _cell(self, column: int, cell: str, key: str = "") -> Text:
        """Return a cell behind its mark or one space; padding would take two columns."""
        prefix = "•" if column == 0 and key in self._marked else " "
        return Text(prefix + cell, justify="right" if self._headers[column].startswith(">") else "left", no_wrap=True)
