"""A dialog that asks for the file of an export, and for the voice."""

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

_DESCRIPTIONS = {
    "csv": "as a table for spreadsheets",
    "md": "as a Markdown table",
    "html": "as a report with charts",
    "json": "complete, for import on another machine",
    "jsonl": "complete, for import on another machine",
}


@dataclass(frozen=True)
class ExportRequest:
    """What to export, and where to."""

    path: Path
    voice: str | None


class ExportScreen(ModalScreen[ExportRequest | None]):
    """Returns what to export, or None. `voice` is the voice of the result in focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("down", "app.focus_next", show=False, priority=True),
        Binding("up", "app.focus_previous", show=False, priority=True),
        Binding("enter", "write", "Write", priority=True),
    ]

    @dataclass
    class Checked(Message):
        """A request was checked: what it exports, whether it replaces a file, or why it is impossible."""

        request: ExportRequest
        description: str
        problem: str
        replaces: bool
        confirmed: bool
        """Whether the user pressed Enter."""

    def __init__(self, workspace: Workspace, voice: str | None) -> None:
        super().__init__()
        self.workspace, self._voice = workspace, voice

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield PlainText("Export the history", classes="title")
            yield Input(str(Path.cwd() / "results.csv"), compact=True, select_on_focus=False)
            if self._voice:
                yield PlainCheckbox(f"only the results of {self._voice}", id="only", compact=True)
            yield PlainText(id="description")
            yield PlainText(id="problem")
            yield PlainText(
                f"The format follows the extension: .{', .'.join(FORMATS)}. Filter and marks are ignored.",
                classes="hint",
            )
            yield PlainText("enter write   ↑ ↓ move   space toggle   esc back", classes="hint")

    @property
    def _request(self) -> ExportRequest:
        only = self._voice is not None and self.query_one("#only", PlainCheckbox).value
        typed = self.query_one(Input).value.strip()
        return ExportRequest(Path(typed).expanduser(), self._voice if only else None)

    @on(Input.Changed)
    @on(Checkbox.Changed)
    def _check(self) -> None:
        self._start_check(confirmed=False)

    def action_write(self) -> None:
        self._start_check(confirmed=True)

    def _start_check(self, confirmed: bool) -> None:
        self.run_worker(partial(self._check_in_thread, self._request, confirmed), thread=True)

    def _check_in_thread(self, request: ExportRequest, confirmed: bool) -> None:
        """Check a request. In a thread: this reads files and the store."""
        form = request.path.suffix.removeprefix(".")
        if form not in FORMATS:
            self.post_message(
                self.Checked(
                    request,
                    "",
                    f"unknown format: use the extension .{', .'.join(FORMATS)}",
                    replaces=False,
                    confirmed=False,
                )
            )
            return
        try:
            check_target(request.path)
            description = f"{_count(self.workspace, request.voice)}, {_DESCRIPTIONS[form]}"
            replaces = request.path.exists()
        except (TtsdashError, sqlite3.Error, OSError) as error:
            self.post_message(self.Checked(request, "", format_error(error), replaces=False, confirmed=False))
        else:
            self.post_message(self.Checked(request, description, "", replaces, confirmed))

    @on(Checked)
    def _show_check(self, message: Checked) -> None:
        if message.request != self._request:
            return
        self.query_one("#description", PlainText).show_lines(
            [message.description, "The file exists and will be replaced." if message.replaces else ""]
        )
        self.query_one("#problem", PlainText).show_lines([message.problem])
        if message.confirmed and message.replaces:
            confirm(
                self,
                f"Replace {message.request.path} with {message.description}?",
                partial(self.dismiss, message.request),
            )
        elif message.confirmed:
            self.dismiss(message.request)


def _count(workspace: Workspace, voice: str | None) -> str:
    terms = (Term("voice", "=", voice),) if voice else ()
    with closing(open_store(workspace)) as db:
        total = list_page(db, terms, limit=1).total
    return f"{counted(total, 'result')} of {voice}" if voice else f"the whole history, {counted(total, 'result')}"
