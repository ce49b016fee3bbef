"""A filter that is applied while the user types."""

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from tui.dashboard.common.plain_text import PlainText

# The store is queried after a pause of this length.
_PAUSE_S = 0.15


class FilterLine(Vertical):
    """An input with a line for its error. Hidden while it is empty and not focused."""

    @dataclass
    class Typed(Message):
        """The filter has changed."""

        text: str

    class Left(Message):
        """The user goes back to the table."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "Clear the filter", id="filter.clear"),
        Binding("down", "leave", "To the table", id="filter.leave"),
    ]

    def __init__(self, example: str) -> None:
        super().__init__()
        self._example, self._posted = example, ""
        self._pause: Timer | None = None

    def compose(self) -> ComposeResult:
        """Compose the input and the line for its error."""
        with Horizontal():
            yield PlainText("/", classes="slash")
            yield Input(placeholder=self._example, compact=True, select_on_focus=False)
        yield PlainText(classes="problem")

    def on_mount(self) -> None:
        """Start hidden."""
        self.show_problem("")
        self._show_or_hide()

    @property
    def _input(self) -> Input:
        return self.query_one(Input)

    def open(self) -> None:
        """Show the input and focus it."""
        self.display = True
        self._input.focus()

    def put(self, text: str) -> None:
        """Show a filter that is already applied."""
        self._posted = self._input.value = text
        self._show_or_hide()

    def show_problem(self, text: str) -> None:
        """Show what is wrong with the filter; an empty text hides the line."""
        problem = self.query_one(".problem", PlainText)
        problem.show(text)
        problem.display = bool(text)

    @on(Input.Changed)
    def _restart_pause(self) -> None:
        if self._pause:
            self._pause.stop()
        self._pause = self.set_timer(_PAUSE_S, self._post_filter)

    def _post_filter(self) -> None:
        if self._pause:
            self._pause.stop()
            self._pause = None
        if self._input.value != self._posted:
            self._posted = self._input.value
            self.post_message(self.Typed(self._posted))

    @on(Input.Submitted)
    def action_leave(self) -> None:
        """Apply the filter and go back to the table."""
        self._post_filter()
        self._show_or_hide()
        self.post_message(self.Left())

    def action_clear(self) -> None:
        """Remove the filter."""
        self._input.value = ""
        self.show_problem("")
        self.action_leave()

    def _show_or_hide(self) -> None:
        self.display = bool(self._input.value)
