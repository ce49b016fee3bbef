"""The dialog that renames a voice."""

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from core.records.voices import Voice
from core.text import escape_control
from tui.dashboard.actions import Actions
from tui.dashboard.common.dialogs import ActionScreen
from tui.dashboard.common.plain_text import PlainText


class RenameVoiceScreen(ActionScreen):
    """A dialog that renames a voice. A name that cannot be used stays, with the reason."""

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
        self.carry_out(partial(self._actions.rename_voice, self._voice, event.value.strip()), "renaming …")
