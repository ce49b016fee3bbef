"""The dialog for the path of an assistant's configuration."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from tui.dashboard.common.dialogs import ActionScreen
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.messages import Outcome


class AssistantScreen(ActionScreen):
    """A dialog that chooses a YAML file. A wrong path stays in it with its error."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]

    def __init__(self, known: str, save: Callable[[Path], Outcome]) -> None:
        super().__init__()
        self._known, self._save = known, save

    def compose(self) -> ComposeResult:
        """Compose the dialog."""
        with Vertical(classes="dialog"):
            yield PlainText("The configuration of your assistant", classes="title")
            yield Input(self._known, placeholder="path of its YAML file", compact=True)
            yield PlainText(
                "Nothing is written until you confirm Apply. The path is stored in ttsdash.yaml of this workspace."
            )
            yield PlainText(id="problem")
            yield PlainText("Enter select   Esc back", classes="hint")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        if typed := event.value.strip():
            self.carry_out(lambda: self._save(Path(typed)), "checking …")
