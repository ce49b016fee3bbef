"""A table of rows with keys, which keeps the row in focus, and the marked ones, when its content is shown anew."""

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
"""A row's key, and its cells."""


class KeyedTable(DataTable[Text]):
    """Headers that start with ">" have their column to the right. With `marks` a key marks rows."""

    class Marked(Message):
        """Other rows are marked than before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
        Binding("g", "scroll_top", "First", show=False),
        Binding("G", "scroll_bottom", "Last", show=False),
        Binding("space", "mark", "Mark", show=False, id="table.mark"),
        Binding("escape", "unmark", "Take the marks away", show=False, id="table.unmark"),
    ]

    def __init__(self, headers: Sequence[str], id: str, marks: bool = False) -> None:
        super().__init__(id=id, cursor_type="row", zebra_stripes=False, cell_padding=0)
        self._headers = tuple(headers)
        self._shown: list[Row] = []
        self._wanted: str | None = None
        self._marks = marks
        self._marked: set[str] = set()

    def on_mount(self) -> None:
        self._add_headers()

    def _add_headers(self) -> None:
        for column, header in enumerate(self._headers):
            self.add_column(self._cell(column, header.lstrip(">")))

    def show(self, rows: Sequence[Row], headers: Sequence[str] | None = None) -> None:
        """Show these rows, under other headers if they are given.

        The focus stays on its row, or on its place when that row is gone.
        """
        other_headers = headers is not None and tuple(headers) != self._headers
        if rows == self._shown and not other_headers:
            return
        if not other_headers and [key for key, _ in rows] == [key for key, _ in self._shown]:
            self._show_changes(rows)
            return
        focused, line, left, top = self.focused_key, self.cursor_row, self.scroll_x, self.scroll_y
        self._shown = list(rows)
        self.clear(columns=other_headers)
        if other_headers:
            self._headers = tuple(headers or ())
            self._add_headers()
        keys = [key for key, _ in rows]
        self._marked.intersection_update(keys)
        for key, cells in rows:
            self.add_row(*(self._cell(column, escape_control(cell), key) for column, cell in enumerate(cells)), key=key)
        place = keys.index(focused) if focused in keys else min(line, len(keys) - 1)
        if self._wanted in keys:
            self.focus_row(self._wanted or "")
        elif keys:
            self.move_cursor(row=max(0, place), animate=False)
            self.scroll_to(x=left, y=top, animate=False)

    def _show_changes(self, rows: Sequence[Row]) -> None:
        """In the same rows: filling the table anew costs several times as much."""
        shown, self._shown = self._shown, list(rows)
        for line, ((key, cells), (_, before)) in enumerate(zip(rows, shown, strict=True)):
            for column, (cell, old) in enumerate(zip(cells, before, strict=True)):
                if cell != old:
                    place = Coordinate(line, column)
                    self.update_cell_at(place, self._cell(column, escape_control(cell), key), update_width=True)

    def show_column(self, column: int) -> None:
        """Bring a column into sight, when its width is known."""
        widths = [shown.get_render_width(self) for shown in self.ordered_columns]
        region = Region(sum(widths[:column]), int(self.scroll_y), widths[column], 1)
        self.scroll_to_region(region, animate=False, x_axis=True, y_axis=False)

    def focus_row(self, key: str) -> None:
        """Put the focus on the row with that key, as soon as there is one."""
        keys = [shown for shown, _ in self._shown]
        self._wanted = None if key in keys else key
        if key in keys:
            self.move_cursor(row=keys.index(key), animate=False)

    @property
    def focused_key(self) -> str | None:
        if not self.row_count or not self.is_valid_row_index(self.cursor_row):
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value

    @property
    def marked(self) -> list[str]:
        """The keys of the marked rows, from top to bottom."""
        return [key for key, _ in self._shown if key in self._marked]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "unmark":
            return bool(self._marked)
        return self._marks if action == "mark" else super().check_action(action, parameters)

    def action_mark(self) -> None:
        """Mark the row in focus, or take its mark away, and go on to the next."""
        if key := self.focused_key:
            self._mark(self._marked ^ {key})
            self.action_cursor_down()

    def action_unmark(self) -> None:
        self._mark(set())

    def _mark(self, wanted: set[str]) -> None:
        changed, self._marked = self._marked ^ wanted, wanted
        for row, (key, cells) in enumerate(self._shown):
            if key in changed:
                self.update_cell_at(Coordinate(row, 0), self._cell(0, escape_control(cells[0]), key))
        if changed:
            self.post_message(self.Marked())

    def _cell(self, column: int, cell: str, key: str = "") -> Text:
        """With one space in front, where a padding would cost two; a mark stands there."""
        front = "•" if column == 0 and key in self._marked else " "
        return Text(front + cell, justify="right" if self._headers[column].startswith(">") else "left", no_wrap=True)
