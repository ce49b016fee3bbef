"""Text without markup."""

from collections.abc import Iterable

from rich.cells import cell_len
from textual.widgets import Static

from core.text import escape_control


class PlainText(Static):
    """Drawn again only when it is another than before: the store may change several times a second."""

    def __init__(self, text: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(text, id=id, classes=classes, markup=False)

    def show(self, text: str) -> None:
        if text != self.content:
            self.update(text, layout=not self._fits_as_before(text))

    def _fits_as_before(self, text: str) -> bool:
        """Whether it takes just the room that is there: to lay the screen out anew costs more than to draw the text."""
        before, after = (list(map(cell_len, lines.split("\n"))) for lines in (str(self.content), text))
        if self.styles.text_wrap == "nowrap" and not self.styles.is_auto_width:
            return len(before) == len(after)
        return before == after and max(after) <= self.content_size.width

    def show_lines(self, lines: Iterable[str]) -> None:
        """Lines that may hold names of files or users."""
        self.show("\n".join(map(escape_control, lines)))
