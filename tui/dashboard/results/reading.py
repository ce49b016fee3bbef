"""A screen that reads from the store or from files when it is opened."""

import sqlite3
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer

from core.errors import TtsdashError, format_error
from core.text import escape_control
from core.workspace import Workspace
from tui.dashboard.common.plain_text import PlainText

Found = TypeVar("Found")


class ReadingScreen(Screen[None], Generic[Found]):
    """A screen whose subclasses define what is read, in a thread, and how it is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss", "Back", id="screen.back")]

    @dataclass
    class Read(Message):
        """The content was read."""

        found: Any

    @dataclass
    class Failed(Message):
        """The content cannot be read."""

        error: str

    def __init__(self, workspace: Workspace, title: str) -> None:
        super().__init__()
        self.workspace = workspace
        self._title = title

    def compose(self) -> ComposeResult:
        yield PlainText(escape_control(self._title), classes="title")
        yield PlainText("reading …", classes="heading")
        yield from self.body()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.run_worker(self._read, thread=True)

    def _read(self) -> None:
        try:
            found = self.read()
        except (TtsdashError, sqlite3.Error, OSError) as error:
            self.post_message(self.Failed(format_error(error)))
        else:
            self.post_message(self.Read(found))

    @on(Read)
    async def _show(self, message: Read) -> None:
        if self.is_attached:
            await self.show(message.found)

    @on(Failed)
    def _show_failure(self, message: Failed) -> None:
        self.show_heading(message.error)

    def show_heading(self, text: str) -> None:
        """Show lines under the title; an empty text hides them."""
        self.query_one(".heading").display = bool(text)
        self.query_one(".heading", PlainText).show_lines(text.split("\n"))

    def body(self) -> ComposeResult:
        """Yield the widgets below the heading."""
        yield from ()

    def read(self) -> Found:
        """Return what to show. Called in a thread; errors of the store are shown."""
        raise NotImplementedError

    async def show(self, found: Found) -> None:
        """Show what was read."""
        raise NotImplementedError
