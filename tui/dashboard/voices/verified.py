"""The dialog that shows whether the files of a voice are intact."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from core.text import escape_control
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.common.scrolled_text import ScrolledText


class VerifiedScreen(ModalScreen[None]):
    """The state of each file, with the fix for what is wrong."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "Back")]

    def __init__(self, title: str, lines: list[str]) -> None:
        super().__init__()
        self._title, self._lines = title, lines

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        with Vertical(classes="dialog wide"):
            yield PlainText(escape_control(self._title), classes="title")
            yield ScrolledText(classes="text")
            yield PlainText("j k scroll   Esc back", classes="hint")

    def on_mount(self) -> None:
        """Show the lines."""
        text = self.query_one(ScrolledText)
        text.show_lines(self._lines)
        text.focus()
