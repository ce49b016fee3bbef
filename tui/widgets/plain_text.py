"""Text without markup."""

from collections.abc import Iterable

from textual.widgets import Static

from core.text import printable


class PlainText(Static):
    """Drawn again only when it is another than before: the store may change several times a second."""

    def __init__(self, text: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(text, id=id, classes=classes, markup=False)

    def show(self, text: str) -> None:
        if text != self.content:
            self.update(text)

    def show_lines(self, lines: Iterable[str]) -> None:
        """Lines that may hold names of files or users."""
        self.show("\n".join(map(printable, lines)))
