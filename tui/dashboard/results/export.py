"""Asks where the history is to be written to, and what of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Checkbox, Input

from core.errors import TtsdashError, format_error
from core.export.write import FORMATS, check_target
from core.history.filter import Term
from core.history.listing import list_page
from core.store.database import open_store
from core.workspace import Workspace
from tui.dashboard.common.checkbox import PlainCheckbox
from tui.dashboard.common.confirm import confirm
from tui.dashboard.common.plain_text import PlainText
from tui.text.format import counted

_SAYS = {
    "csv": "as a table for spreadsheets",
    "md": "as a Markdown table",
    "html": "as a report with charts",
    "json": "whole, to be imported elsewhere",
    "jsonl": "whole, to be imported elsewhere",
}


@dataclass(frozen=True)
class Wish:
    """What to write where."""

    path: Path
    voice: str | None


class ExportScreen(ModalScreen[Wish | None]):
    """Ends with what is to be written, or with None. `voice` is that of the result in focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("down", "app.focus_next", show=False, priority=True),
        Binding("up", "app.focus_previous", show=False, priority=True),
        Binding("enter", "write", "Write", priority=True),
    ]

    @dataclass
    class Weighed(Message):
        """What the wish comes to: how many results, what the file would replace, or why it cannot be."""

        wish: Wish
        says: str
        problem: str
        replaces: bool
        go: bool
        """Somebody has asked for it."""

    def __init__(self, workspace: Workspace, voice: str | None) -> None:
        super().__init__()
        self.workspace, self._voice = workspace, voice

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield PlainText("Export the history", classes="title")
            yield Input(str(Path.cwd() / "results.csv"), compact=True, select_on_focus=False)
            if self._voice:
                yield PlainCheckbox(f"only the results of {self._voice}", id="only", compact=True)
            yield PlainText(id="says")
            yield PlainText(id="problem")
            yield PlainText(
                f"The end of the name says how: .{', .'.join(FORMATS)}. What is filtered or marked does not count.",
                classes="hint",
            )
            yield PlainText("enter write   ↑ ↓ choose   space switch   esc back", classes="hint")

    @property
    def _wish(self) -> Wish:
        only = self._voice is not None and self.query_one("#only", PlainCheckbox).value
        typed = self.query_one(Input).value.strip()
        return Wish(Path(typed).expanduser(), self._voice if only else None)

    @on(Input.Changed)
    @on(Checkbox.Changed)
    def _weigh(self) -> None:
        self._ask(go=False)

    def action_write(self) -> None:
        self._ask(go=True)

    def _ask(self, go: bool) -> None:
        self.run_worker(partial(self._weigh_apart, self._wish, go), thread=True)

    def _weigh_apart(self, wish: Wish, go: bool) -> None:
        """Off the interface's thread: this looks at files and at the store."""
        form = wish.path.suffix.removeprefix(".")
        if form not in FORMATS:
            self.post_message(
                self.Weighed(wish, "", f"end the name with .{', .'.join(FORMATS)}", replaces=False, go=False)
            )
            return
        try:
            check_target(wish.path)
            says = f"{_count(self.workspace, wish.voice)}, {_SAYS[form]}"
            replaces = wish.path.exists()
        except (TtsdashError, sqlite3.Error, OSError) as error:
            self.post_message(self.Weighed(wish, "", format_error(error), replaces=False, go=False))
        else:
            self.post_message(self.Weighed(wish, says, "", replaces, go))

    @on(Weighed)
    def _tell(self, message: Weighed) -> None:
        if message.wish != self._wish:
            return
        self.query_one("#says", PlainText).show_lines(
            [message.says, "It replaces the file that is there." if message.replaces else ""]
        )
        self.query_one("#problem", PlainText).show_lines([message.problem])
        if message.go and message.replaces:
            confirm(self, f"Replace {message.wish.path} with {message.says}?", partial(self.dismiss, message.wish))
        elif message.go:
            self.dismiss(message.wish)


def _count(workspace: Workspace, voice: str | None) -> str:
    terms = (Term("voice", "=", voice),) if voice else ()
    with closing(open_store(workspace)) as db:
        total = list_page(db, terms, limit=1).total
    return f"{counted(total, 'result')} of {voice}" if voice else f"the whole history, {counted(total, 'result')}"
