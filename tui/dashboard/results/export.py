"""The dialog that exports the history."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
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
from textual.widgets import Checkbox, Input

from core.errors import TtsdashError, format_error
from core.export.write import FORMATS, check_target
from core.history.filter import Term
from core.history.listing import list_page
from core.store.database import open_store
from core.workspace import Workspace
from tui.dashboard.common.checkbox import PlainCheckbox
from tui.dashboard.common.confirm import Question, confirm
from tui.dashboard.common.dialogs import ActionScreen
from tui.dashboard.common.path_suggester import typed_path
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.messages import Outcome
from tui.text.format import counted

_DESCRIPTIONS = {
    "csv": "as a table for spreadsheets",
    "md": "as a Markdown table",
    "html": "as a report with charts",
    "json": "complete, for import elsewhere",
    "jsonl": "complete, for import elsewhere",
}


@dataclass(frozen=True)
class ExportRequest:
    """A file to write, and the voice whose results it gets; None for all."""

    path: Path
    voice: str | None


class ExportScreen(ActionScreen):
    """A dialog that exports the history. `voice` is the voice of the focused result."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("down", "app.focus_next", show=False, priority=True),
        Binding("up", "app.focus_previous", show=False, priority=True),
        Binding("enter", "write", "Export", priority=True),
    ]

    @dataclass
    class Checked(Message):
        """A request was checked: how many results it writes, whether it replaces a file, or what is wrong."""

        request: ExportRequest
        summary: str
        problem: str
        replaces: bool
        confirmed: bool
        """Whether the user has asked to write it."""

    def __init__(self, workspace: Workspace, voice: str | None, write: Callable[[Path, str | None], Outcome]) -> None:
        super().__init__()
        self.workspace, self._voice, self._write = workspace, voice, write

    def compose(self) -> ComposeResult:
        """Compose the dialog."""
        with Vertical(classes="dialog"):
            yield PlainText("Export the history", classes="title")
            yield Input(str(Path.cwd() / "results.csv"), compact=True, select_on_focus=False)
            if self._voice:
                yield PlainCheckbox(f"only the results of {self._voice}", id="only", compact=True)
            yield PlainText(id="summary")
            yield PlainText(id="problem")
            yield PlainText(
                f"Format follows the extension: .{', .'.join(FORMATS)}. Filter and marks are ignored.",
                classes="hint",
            )
            yield PlainText("Enter export   ↑ ↓ choose   Space toggle   Esc back", classes="hint")

    @property
    def _request(self) -> ExportRequest:
        only = self._voice is not None and self.query_one("#only", PlainCheckbox).value
        typed = self.query_one(Input).value.strip()
        return ExportRequest(typed_path(typed), self._voice if only else None)

    @on(Input.Changed)
    @on(Checkbox.Changed)
    def _check_typed(self) -> None:
        self._check(confirmed=False)

    def action_write(self) -> None:
        """Export, if the request is valid."""
        self._check(confirmed=True)

    def _check(self, confirmed: bool) -> None:
        self.run_worker(partial(self._check_in_thread, self._request, confirmed), thread=True)

    def _check_in_thread(self, request: ExportRequest, confirmed: bool) -> None:
        """Check a request: this reads files and the store."""
        form = request.path.suffix.removeprefix(".")
        if form not in FORMATS:
            self.post_message(
                self.Checked(request, "", f"end the name with .{', .'.join(FORMATS)}", replaces=False, confirmed=False)
            )
            return
        try:
            check_target(request.path)
            summary = f"{_count(self.workspace, request.voice)}, {_DESCRIPTIONS[form]}"
            replaces = request.path.exists()
        except (TtsdashError, sqlite3.Error, OSError) as error:
            self.post_message(self.Checked(request, "", format_error(error), replaces=False, confirmed=False))
        else:
            self.post_message(self.Checked(request, summary, "", replaces, confirmed))

    @on(Checked)
    def _show_check(self, message: Checked) -> None:
        if message.request != self._request:
            return
        self.query_one("#summary", PlainText).show_lines(
            [message.summary, "This replaces an existing file." if message.replaces else ""]
        )
        self.show_problem(message.problem)
        path = message.request.path
        write = partial(self._write, path, message.request.voice)
        if message.confirmed and message.replaces:
            confirm(self, Question(f"Replace {path} with {message.summary}?", write), self.end)
        elif message.confirmed:
            self.carry_out(write, f"writing {path} …")


def _count(workspace: Workspace, voice: str | None) -> str:
    terms = (Term("voice", "=", voice),) if voice else ()
    with closing(open_store(workspace)) as db:
        total = list_page(db, terms, limit=1).total
    return f"{counted(total, 'result')} of {voice}" if voice else f"the whole history, {counted(total, 'result')}"
