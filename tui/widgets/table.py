"""A table of rows with keys, which keeps the row in focus when its content is shown anew."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from core.text import printable

Row = tuple[str, Sequence[str]]
"""A row's key, and its cells."""


class KeyedTable(DataTable[Text]):
    """Headers that start with ">" have their column to the right."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
        Binding("g", "scroll_top", "First", show=False),
        Binding("G", "scroll_bottom", "Last", show=False),
    ]

    def __init__(self, headers: Sequence[str], id: str) -> None:
        super().__init__(id=id, cursor_type="row", zebra_stripes=False, cell_padding=0)
        self._headers = headers
        self._shown: list[Row] = []
        self._wanted: str | None = None

    def on_mount(self) -> None:
        for column, header in enumerate(self._headers):
            self.add_column(self._cell(column, header.lstrip(">")))

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows. The focus stays on its row, or on its place when that row is gone."""
        if rows == self._shown:
            return
        focused, line, top = self.focused_key, self.cursor_row, self.scroll_y
        self._shown = list(rows)
        self.clear()
        for key, cells in rows:
            self.add_row(*(self._cell(column, printable(cell)) for column, cell in enumerate(cells)), key=key)
        keys = [key for key, _ in rows]
        place = keys.index(focused) if focused in keys else min(line, len(keys) - 1)
        if self._wanted in keys:
            self.focus_row(self._wanted or "")
        elif keys:
            self.move_cursor(row=max(0, place), animate=False)
            self.scroll_to(y=top, animate=False)

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

    def _cell(self, column: int, cell: str) -> Text:
        """With one space in front, where a padding would cost two."""
        return Text(f" {cell}", justify="right" if self._headers[column].startswith(">") else "left", no_wrap=True)
