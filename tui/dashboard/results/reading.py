"""A screen over the tabs whose content is read in a thread when it opens."""

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
    """Base of such screens: subclasses define `read`, which runs in a thread, and `show`."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss", "Back", id="screen.back")]

    @dataclass
    class Read(Message):
        """The content has been read."""

        found: Any

    @dataclass
    class Failed(Message):
        """The content could not be read."""

        error: str

    def __init__(self, workspace: Workspace, title: str) -> None:
        super().__init__()
        self.workspace = workspace
        self._title = title

    def compose(self) -> ComposeResult:
        """Compose title, text, body and footer."""
        yield PlainText(escape_control(self._title), classes="title")
        yield PlainText("reading …", classes="text")
        yield from self.body()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Start reading."""
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
        self.show_text(message.error)

    def show_text(self, text: str) -> None:
        """Show lines under the title; an empty text hides them."""
        self.query_one(".text").display = bool(text)
        self.query_one(".text", PlainText).show_lines(text.split("\n"))

    def body(self) -> ComposeResult:
        """Compose the widgets below the text."""
        yield from ()

    def read(self) -> Found:
        """Read the content, in a thread. May raise what the store raises."""
        raise NotImplementedError

    async def show(self, found: Found) -> None:
        """Show the content."""
        raise NotImplementedError
