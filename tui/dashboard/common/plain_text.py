"""Plain text, without markup."""

from collections.abc import Iterable

from rich.cells import cell_len
from textual.widgets import Static

from core.text import escape_control


class PlainText(Static):
    """A text that is redrawn only if it has changed: the store may change several times a second."""

    def __init__(self, text: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(text, id=id, classes=classes, markup=False)

    def show(self, text: str) -> None:
        """Show a text that needs no escaping."""
        if text != self.content:
            self.update(text, layout=not self._fits(text))

    def _fits(self, text: str) -> bool:
        """Return whether a text needs no new layout, which would cost more than drawing it."""
        before, after = (list(map(cell_len, lines.split("\n"))) for lines in (str(self.content), text))
        if self.styles.text_wrap == "nowrap" and not self.styles.is_auto_width:
            return len(before) == len(after)
        return before == after and max(after) <= self.content_size.width

    def show_lines(self, lines: Iterable[str]) -> None:
        """Show lines, with control characters escaped: they may hold names of files or users."""
        self.show("\n".join(map(escape_control, lines)))
