"""A dialog with a list to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from core.text import escape_control
from tui.dashboard.common.plain_text import PlainText
from tui.text.format import hanging_indent

# The width of the dialog's text.
_WIDTH = 66


@dataclass(frozen=True)
class Pick:
    """A choice with its description."""

    id: str
    name: str
    description: str


class PickScreen(ModalScreen[str | None]):
    """Returns the id of the choice, or None. The current choice is marked with an asterisk."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Back"),
        Binding("j", "down", "Down", show=False),
        Binding("k", "up", "Up", show=False),
    ]

    def __init__(self, title: str, picks: Sequence[Pick], current: str) -> None:
        super().__init__()
        self._heading, self._picks, self._current = title, picks, current

    def compose(self) -> ComposeResult:
        """Compose the list."""
        with Vertical(classes="dialog"):
            yield PlainText(escape_control(self._heading), classes="title")
            yield OptionList(*(Option(self._prompt(pick)) for pick in self._picks), compact=True, classes="picks")
            yield PlainText("Enter select   ↑ ↓ choose   Esc back", classes="hint")

    def on_mount(self) -> None:
        """Highlight the current choice."""
        ids = [pick.id for pick in self._picks]
        self.query_one(OptionList).highlighted = ids.index(self._current) if self._current in ids else 0

    def _prompt(self, pick: Pick) -> Content:
        mark = "* " if pick.id == self._current else "  "
        description = f"\n{hanging_indent('    ', pick.description, _WIDTH)}" if pick.description else ""
        return Content(f"{mark}{escape_control(pick.name)}{description}")

    def action_down(self) -> None:
        """Highlight the next choice."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """Highlight the previous choice."""
        self.query_one(OptionList).action_cursor_up()

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._picks[event.option_index].id)
