"""A dialog that asks for confirmation."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.screen import ModalScreen
from textual.widgets import Static


class ConfirmScreen(ModalScreen[bool]):
    """A question. Returns True for yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", "Yes"),
        Binding("n,escape", "dismiss(False)", "No"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        with Vertical(classes="dialog"):
            yield Static(self._question, markup=False)
            yield Static("y yes   n no", classes="hint", markup=False)


def confirm(node: DOMNode, question: str, then: Callable[[], object]) -> None:
    """Ask a question in a dialog, and call `then` if the answer is yes."""

    def answer(confirmed: bool | None) -> None:
        if confirmed:
            then()

    node.app.push_screen(ConfirmScreen(question), answer)
