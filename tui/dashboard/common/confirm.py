"""A dialog that asks for confirmation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.dom import DOMNode

from tui.dashboard.common.dialogs import PreparedScreen
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.messages import Outcome


@dataclass(frozen=True)
class Question:
    """A question, and the action that the answer "yes" runs."""

    text: str
    action: Callable[[], Outcome]


class ConfirmScreen(PreparedScreen[Question]):
    """A question. Only `y` means yes: Enter, which opens and closes so much else, never changes anything."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "Yes"),
        Binding("n,escape", "dismiss(None)", "No"),
    ]

    def __init__(self, question: Question | Callable[[], Question]) -> None:
        """Ask a question, or what a function returns, which runs in a thread."""
        if callable(question):
            super().__init__(question)
        else:
            super().__init__(lambda: question, known=question)

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        with Vertical(classes="dialog"):
            yield PlainText("checking …", id="question")
            yield PlainText(id="problem")
            yield PlainText("Esc back", id="answers", classes="hint")

    def action_yes(self) -> None:
        """Run the action, unless the question is not shown yet."""
        if self.content:
            self.carry_out(self.content.action, "working …")

    def show_prepared(self, content: Question) -> None:
        """Show the question."""
        self.query_one("#answers", PlainText).show("y yes   n no")
        self.query_one("#question", PlainText).show_lines(content.text.split("\n"))


def confirm(
    node: DOMNode,
    question: Question | Callable[[], Question],
    report: Callable[[Outcome], object] | None = None,
) -> None:
    """Ask a question in a dialog, and report the outcome of its action, by default to a node.

    If the question takes time to compute, give a function that returns it: it runs in a thread, behind the open dialog.
    """

    def answered(outcome: Outcome | None) -> None:
        if outcome:
            (report or node.post_message)(outcome)

    node.app.push_screen(ConfirmScreen(question), answered)
