"""Dialogs that do their work themselves: it runs in a thread, and an error stays in the dialog with what was typed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import ModalScreen

from core.errors import TtsdashError, format_error
from core.text import escape_control
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.messages import ActionEnded, Outcome

Prepared = TypeVar("Prepared")


def focus_keys(dialog: str) -> list[BindingType]:
    """Return the bindings that move the focus in a dialog with that name; the arrows also in a list, which follows it."""
    return [
        Binding("down", "app.focus_next", "Down", show=False, priority=True, id=f"{dialog}.down"),
        Binding("up", "app.focus_previous", "Up", show=False, priority=True, id=f"{dialog}.up"),
        Binding("j", "app.focus_next", "Down", show=False, id=f"{dialog}.next"),
        Binding("k", "app.focus_previous", "Up", show=False, id=f"{dialog}.previous"),
    ]


class ActionScreen(ModalScreen[Outcome | None]):
    """A dialog that returns the outcome of its action, or None. Subclasses have a `#problem`."""

    busy = False
    """Whether the action runs. If the dialog is closed meanwhile, the outcome becomes a notification."""

    def carry_out(self, action: Callable[[], Outcome], doing: str) -> None:
        """Run an action in a thread, and close the dialog when it has succeeded."""
        if self.busy:
            return
        self.busy = True
        self.show_problem(doing)
        app = self.app

        def run() -> None:
            try:
                outcome = action()
            except (TtsdashError, sqlite3.Error, OSError) as error:
                outcome = Outcome(format_error(error), failed=True)
            app.post_message(ActionEnded(self, outcome))

        # Not a worker of this dialog, which would end with it.
        app.run_worker(run, thread=True, group="action")

    def end(self, outcome: Outcome) -> None:
        """Close the dialog, or show the error of the action."""
        self.busy = False
        if outcome.failed:
            self.show_problem(outcome.text)
        else:
            self.dismiss(outcome)

    def show_problem(self, text: str) -> None:
        """Show an error, or what is being done."""
        self.query_one("#problem", PlainText).show(escape_control(text))


class PreparedScreen(ActionScreen, Generic[Prepared]):
    """A dialog that opens at once and shows what it asks when that has been computed. Subclasses define `show_prepared`."""

    @dataclass
    class Ready(Message):
        """The content has been computed."""

        prepare: Callable[[], Any]
        content: Any

    @dataclass
    class Failed(Message):
        """The content could not be computed."""

        prepare: Callable[[], Any]
        error: TtsdashError | sqlite3.Error | OSError

    def __init__(self, prepare: Callable[[], Prepared], known: Prepared | None = None) -> None:
        """Compute the content with `prepare`, in a thread, unless it is known already."""
        super().__init__()
        self._prepare, self._known = prepare, known
        self.content: Prepared | None = None
        """None until it has been computed."""

    def on_mount(self) -> None:
        """Show the content, or start to compute it.

        Subclasses add their own `on_mount`: Textual calls that of every class.
        """
        if self._known is None:
            self.compute()
        else:
            self.show_content(self._known)

    def compute(self) -> None:
        """Compute the content, in a thread."""
        prepare = self._prepare

        def run() -> None:
            try:
                content = prepare()
            except (TtsdashError, sqlite3.Error, OSError) as error:
                self.post_message(self.Failed(prepare, error))
            else:
                self.post_message(self.Ready(prepare, content))

        self.run_worker(run, thread=True, group="read")

    def prepare(self, how: Callable[[], Prepared]) -> None:
        """Compute the content in another way. What was shown so far can no longer be answered."""
        self.content, self._prepare = None, how
        self.compute()

    @on(Ready)
    def _show_ready(self, message: Ready) -> None:
        if message.prepare is self._prepare:
            self.show_content(message.content)

    def show_content(self, content: Prepared) -> None:
        """Show the content, which can be answered from now on."""
        self.content = content
        self.show_prepared(content)
        # A key that was pressed before this was on the screen is no answer to it.
        self.app.screen_change_signal.publish(self)

    @on(Failed)
    def _show_failure(self, message: Failed) -> None:
        if message.prepare is self._prepare:
            self.show_failure(message.error)

    def show_failure(self, error: TtsdashError | sqlite3.Error | OSError) -> None:
        """Show why there is no content."""
        self.show_problem(format_error(error))

    def show_prepared(self, content: Prepared) -> None:
        """Show the content."""
        raise NotImplementedError
