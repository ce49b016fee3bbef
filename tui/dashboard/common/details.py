"""The screen that shows the details of a row in full."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from core.text import escape_control
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.common.scrolled_text import ScrolledText

_REFRESH_INTERVAL_S = 0.5


class DetailsScreen(Screen[None]):
    """A text over the tabs that follows what it describes, such as a running job. It changes nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "Back", id="details.back")]

    def __init__(self, title: str, text: Callable[[], str]) -> None:
        """Show what `text` returns, now and whenever it changes."""
        super().__init__()
        self._heading, self._text = title, text

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        yield PlainText(escape_control(self._heading), classes="title")
        yield ScrolledText()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show the text, and keep it current."""
        self.query_one(ScrolledText).focus()
        self._draw()
        self.set_interval(_REFRESH_INTERVAL_S, self._draw)

    def _draw(self) -> None:
        if text := self._text():
            self.query_one(ScrolledText).show_lines(text.split("\n"))
