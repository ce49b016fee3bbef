"""The dialog for the path of an assistant's configuration."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from core.assistant.config import AssistantConfig
from core.errors import TtsdashError
from tui.dashboard.common.plain_text import PlainText


class AssistantScreen(ModalScreen[Path | None]):
    """Returns the path of a YAML file, or None. A wrong path stays in the dialog with its error."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]

    @dataclass
    class Checked(Message):
        """The file was checked."""

        path: Path
        problem: str | None = None

    def __init__(self, known: str) -> None:
        super().__init__()
        self._known = known

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
            self.run_worker(lambda: self._check(Path(typed)), thread=True, exclusive=True)

    def _check(self, path: Path) -> None:
        try:
            config = AssistantConfig.load(path)
        except TtsdashError as error:
            self.post_message(self.Checked(path, str(error)))
        else:
            self.post_message(self.Checked(config.file.path))

    @on(Checked)
    def _finish(self, message: Checked) -> None:
        if message.problem:
            self.query_one("#problem", PlainText).show(message.problem)
        else:
            self.dismiss(message.path)
