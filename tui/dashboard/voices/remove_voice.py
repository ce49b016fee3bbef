"""The dialog that asks before a voice is removed."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from core.text import escape_control
from tui.dashboard.common.plain_text import PlainText


class RemoveVoiceScreen(ModalScreen[bool]):
    """Returns whether to remove the voice. Enter does not mean yes: it may have been typed for what was there before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes"),
        Binding("n,escape", "dismiss(False)", "No"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        with Vertical(classes="dialog"):
            yield PlainText(escape_control(self._question))
            yield PlainText("y remove   n keep", classes="hint")
