"""Text that scrolls if it does not fit."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from tui.dashboard.common.plain_text import PlainText


class KeyScroll(VerticalScroll):
    """A container that scrolls with the same keys as tables."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
        Binding("g", "scroll_home", "First", show=False),
        Binding("G", "scroll_end", "Last", show=False),
    ]


class ScrolledText(KeyScroll):
    """Lines of plain text."""

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        yield PlainText()

    def show_lines(self, lines: list[str]) -> None:
        """Show lines, with control characters escaped."""
        self.query_one(PlainText).show_lines(lines)
