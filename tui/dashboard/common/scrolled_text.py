"""Text that may be longer than its room."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from tui.dashboard.common.plain_text import PlainText


class KeyScroll(VerticalScroll):
    """What is scrolled by the keys that tables have."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
        Binding("g", "scroll_home", "First", show=False),
        Binding("G", "scroll_end", "Last", show=False),
    ]


class ScrolledText(KeyScroll):
    """Lines to scroll through."""

    def compose(self) -> ComposeResult:
        yield PlainText()

    def show_lines(self, lines: list[str]) -> None:
        self.query_one(PlainText).show_lines(lines)
