"""The dialog that renames a voice."""

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from core.errors import TtsdashError, format_error
from core.records.voices import Voice
from core.text import escape_control
from tui.dashboard.actions import Actions
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.messages import Outcome


@dataclass
class Renamed(Message):
    """The voice was renamed, or not."""

    outcome: Outcome | None
    problem: str = ""


class RenameVoiceScreen(ModalScreen[Outcome | None]):
    """A dialog that renames a voice and returns the outcome. A name that cannot be used stays, with the reason."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]

    def __init__(self, actions: Actions, voice: Voice) -> None:
        super().__init__()
        self._actions, self._voice = actions, voice

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        with Vertical(classes="dialog"):
            yield PlainText(escape_control(f"Rename {self._voice.key}"), classes="title")
            yield Input(self._voice.key, placeholder="new name", compact=True)
            yield PlainText("Its files, and the folder of its variants, stay where they are.")
            yield PlainText(id="problem")
            yield PlainText("Enter rename   Esc back", classes="hint")

    def on_mount(self) -> None:
        """Focus the input."""
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        name = event.value.strip()
        self.run_worker(lambda: self._rename(name), thread=True, exclusive=True, group="action")

    def _rename(self, name: str) -> None:
        try:
            self.post_message(Renamed(self._actions.rename_voice(self._voice, name)))
        except TtsdashError as error:
            self.post_message(Renamed(None, format_error(error)))

    @on(Renamed)
    def _renamed(self, message: Renamed) -> None:
        if message.outcome:
            self.dismiss(message.outcome)
        else:
            self.query_one("#problem", PlainText).show(escape_control(message.problem))
