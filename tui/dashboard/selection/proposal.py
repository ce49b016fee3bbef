"""The dialog that shows a change to the assistant's configuration and asks for confirmation."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from core.assistant.keys import VOICE_PATH
from core.assistant.proposal import Proposal
from core.text import escape_control
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.common.scrolled_text import KeyScroll

_STYLES = {"+": "$text-success", "-": "$text-error", "@": "$text-accent"}


class ProposalScreen(ModalScreen[bool]):
    """Returns whether the change was confirmed. Shows the diff, and the notes below it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", "Yes"),
        Binding("n,escape", "dismiss(False)", "No"),
    ]

    def __init__(self, proposal: Proposal) -> None:
        super().__init__()
        self._proposal = proposal

    def compose(self) -> ComposeResult:
        """Compose the question and the diff."""
        proposal = self._proposal
        with Vertical(classes="dialog wide"):
            yield PlainText(escape_control(_question(proposal)), classes="title")
            if not proposal.backup:
                yield PlainText(escape_control(_models(proposal)))
            with KeyScroll(classes="text"):
                yield Static(Content("\n").join(_diff_lines(proposal)))
            yield PlainText("y yes   n no   j k scroll", classes="hint")


def _question(proposal: Proposal) -> str:
    if proposal.backup:
        return f"Restore {proposal.file.path} from backup {proposal.backup.path.name}?"
    return f"Write this to {proposal.file.path}?"


def _models(proposal: Proposal) -> str:
    """Return which file the assistant loads now and then; the diff has the full paths."""
    for change in proposal.plan.changes:
        if change.key == VOICE_PATH:
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
