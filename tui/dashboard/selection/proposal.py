"""The dialog that shows a change to the assistant's configuration and asks for confirmation."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from core.assistant.config import UnknownLayout
from core.errors import TtsdashError
from core.text import escape_control
from tui.dashboard.common.checkbox import PlainCheckbox
from tui.dashboard.common.dialogs import PreparedScreen
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.common.scrolled_text import KeyScroll
from tui.dashboard.messages import Outcome

if TYPE_CHECKING:
    from core.assistant.proposal import Proposal

_STYLES = {"+": "$text-success", "-": "$text-error", "@": "$text-accent"}
_CHECKING = "checking files, results and hardware …"


class ProposalScreen(PreparedScreen["Proposal"]):
    """Opens at once, shows the diff when it has been computed, with notes below it, and writes it after `y`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "Yes"),
        Binding("n,escape", "dismiss(None)", "No"),
        Binding("e", "extras", "Performance keys, too"),
    ]

    def __init__(
        self,
        propose: Callable[[bool], Proposal],
        write: Callable[[Proposal], Outcome],
        choose_key: Callable[[UnknownLayout], object] | None = None,
    ) -> None:
        """Take `propose`, which gets whether the performance keys are wanted. `choose_key` replaces this dialog if no key is known."""
        super().__init__(partial(propose, False))
        self._propose, self._write, self._choose_key = propose, write, choose_key

    def compose(self) -> ComposeResult:
        """Compose the question and the diff."""
        with Vertical(classes="dialog wide"):
            yield PlainText(_CHECKING, id="question", classes="title")
            yield PlainText(id="models")
            with KeyScroll(classes="text"):
                yield Static(id="diff")
            yield PlainCheckbox("e: also set the keys for caching and speed", id="extras", compact=True)
            yield PlainText(id="problem")
            yield PlainText("Esc back", id="answers", classes="hint")

    def on_mount(self) -> None:
        """Hide what is not offered yet."""
        self.query_one("#extras").display = False
        self.query_one(KeyScroll).focus()

    def show_prepared(self, content: Proposal) -> None:
        """Show the diff."""
        changes = content.changes_something
        path = content.file.path
        self.query_one("#question", PlainText).show(
            escape_control(_question(content)) if changes else escape_control(f"{path}: nothing to change")
        )
        self.query_one("#models", PlainText).show(escape_control(_models(content)))
        self.query_one("#diff", Static).update(Content("\n").join(_diff_lines(content)))
        self.query_one("#extras").display = content.offers_performance
        answers = "y yes   n no   j k scroll" if changes else "Esc back   j k scroll"
        self.query_one("#answers", PlainText).show(answers)

    def show_failure(self, error: TtsdashError | sqlite3.Error | OSError) -> None:
        """Show the error, or let the user choose the key that names the voice."""
        if isinstance(error, UnknownLayout) and error.candidates and self._choose_key:
            self.dismiss(None)
            # By the app, since the answer to a dialog goes to whatever opened it, and this one is closed.
            self.app.call_later(self._choose_key, error)
            return
        self.query_one("#question", PlainText).show("Nothing can be written.")
        super().show_failure(error)

    def action_yes(self) -> None:
        """Write the change, unless it is not shown yet."""
        if self.content and self.content.changes_something:
            self.carry_out(partial(self._write, self.content), "writing …")

    def action_extras(self) -> None:
        """Toggle the performance keys."""
        if self.content and self.content.offers_performance:
            self.query_one("#extras", PlainCheckbox).toggle()

    @on(PlainCheckbox.Changed)
    def _propose_again(self, event: PlainCheckbox.Changed) -> None:
        self.query_one("#question", PlainText).show(_CHECKING)
        self.query_one("#answers", PlainText).show("Esc back")
        self.prepare(partial(self._propose, event.value))


def _question(proposal: Proposal) -> str:
    if proposal.backup:
        return f"Restore {proposal.file.path} from backup {proposal.backup.path.name}?"
    return f"Write this to {proposal.file.path}?"


def _models(proposal: Proposal) -> str:
    """Return which file the assistant loads now and then; the diff has the full paths."""
    if proposal.backup or not proposal.changes_something:
        return ""
    for change in proposal.plan.changes:
        if change.key == proposal.voice_key:
            return f"{_name(change.old)} → {_name(change.new)}"
    return "The voice that it loads does not change."


def _name(path: object) -> str:
    return Path(str(path)).name if path else "nothing"


def _diff_lines(proposal: Proposal) -> Iterator[Content]:
    # The first two lines of a diff name the file, which the title does.
    for line in proposal.diff[2:]:
        yield Content.styled(escape_control(line), _STYLES.get(line[:1], ""))
    for note in proposal.plan.notes:
        yield Content(f"! {escape_control(note)}")
