"""Asks before something that cannot be undone, and names it."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.screen import ModalScreen
from textual.widgets import Static


class ConfirmScreen(ModalScreen[bool]):
    """Yes or no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", "Yes"),
        Binding("n,escape", "dismiss(False)", "No"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._question, markup=False)
            yield Static("y yes   n no", classes="hint", markup=False)


def confirm(node: DOMNode, question: str, then: Callable[[], object]) -> None:
    """Ask the user over what is on the screen, and call `then` on a yes."""

    def answer(yes: bool | None) -> None:
        if yes:
            then()

    node.app.push_screen(ConfirmScreen(question), answer)
