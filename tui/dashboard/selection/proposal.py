"""Shows what would be written into an assistant's configuration, and asks."""

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
    """Yes or no. The difference shows every line that is changed; what there is to know stands below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", "Yes"),
        Binding("n,escape", "dismiss(False)", "No"),
    ]

    def __init__(self, proposal: Proposal) -> None:
        super().__init__()
        self._proposal = proposal

    def compose(self) -> ComposeResult:
        proposal = self._proposal
        with Vertical(classes="dialog wide"):
            yield PlainText(escape_control(_question(proposal)), classes="title")
            if not proposal.backup:
                yield PlainText(escape_control(_models(proposal)))
            with KeyScroll(classes="told"):
                yield Static(Content("\n").join(_difference(proposal)))
            yield PlainText("y yes   n no   j k scroll", classes="hint")


def _question(proposal: Proposal) -> str:
    if proposal.backup:
        return f"Put back into {proposal.file.path} what {proposal.backup.path.name} holds?"
    return f"Write this to {proposal.file.path}?"


def _models(proposal: Proposal) -> str:
    """The file that the assistant loads, and the one that it would load; the difference has the whole paths."""
    for change in proposal.plan.changes:
        if change.key == VOICE_PATH:
            return f"{_name(change.old)} → {_name(change.new)}"
    return "the model that it loads stays"


def _name(path: object) -> str:
    return Path(str(path)).name if path else "nothing"


def _difference(proposal: Proposal) -> Iterator[Content]:
    # The first two lines of a difference name the file, which stands above.
    for line in proposal.diff[2:]:
        yield Content.styled(escape_control(line), _STYLES.get(line[:1], ""))
    for note in proposal.plan.notes:
        yield Content(f"! {escape_control(note)}")
