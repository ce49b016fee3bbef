"""The dialog that adds a voice: a file on this machine, or an official Piper voice, which it downloads."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, ProgressBar
from textual.widgets.option_list import Option

from core.errors import TtsdashError
from core.text import escape_control
from core.voices.file import is_piper_name
from core.workspace import Workspace
from tui.dashboard.common.path_suggester import PathSuggester, typed_path
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.messages import Outcome
from tui.dashboard.subcommand import Subcommand
from tui.dashboard.voices.voice_finder import find_voices
from tui.text.format import megabytes

_HINT = "Enter add   ↑ ↓ choose   → complete   ^l Piper's voices   Esc back"
_RUNNING_HINT = "Esc cancel"


@dataclass
class VoicesFound(Message):
    """The search for voices on this machine has ended."""

    paths: list[Path]


@dataclass
class NamesRead(Message):
    """The names of the official Piper voices have been read."""

    names: list[str]


@dataclass
class Received(Message):
    """Another part of a voice has been downloaded, in bytes."""

    command: Subcommand
    received: int
    total: int | None


@dataclass
class CommandEnded(Message):
    """A voice has been added, or not: there is an error, or neither if that was cancelled."""

    command: Subcommand
    voice: dict[str, Any] | None = None
    error: str = ""


class AddVoiceScreen(ModalScreen[Outcome | None]):
    """A dialog that adds a voice and then closes; an error stays in it, with what was typed.

    The typed text takes precedence over the highlighted option, except for the names of Piper's voices, which it filters.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="add_voice.back"),
        Binding("ctrl+l", "list_collection", "List Piper's voices", id="add_voice.list"),
        Binding("down", "highlight(1)", "Down", show=False, priority=True, id="add_voice.down"),
        Binding("up", "highlight(-1)", "Up", show=False, priority=True, id="add_voice.up"),
    ]

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._found: list[str] = []
        """The paths of voices on this machine."""
        self._names: list[str] = []
        """The official Piper voices, once they have been requested."""
        self._offered: list[str] = []
        self._command: Subcommand | None = None
        """The check of a file, the download, or the request for names, that runs now."""
        self._cancelled = ""
        """What to report if it is cancelled."""

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        with Vertical(classes="dialog"):
            yield PlainText("Add a voice", classes="title")
            yield Input(
                placeholder="path of an .onnx file, or a Piper voice name: en_US-lessac-medium",
                suggester=PathSuggester(".onnx"),
                select_on_focus=False,
                compact=True,
            )
            yield PlainText("Searching this machine for voices …", id="found")
            yield OptionList(id="voices-found", compact=True)
            with Horizontal(id="download"):
                yield ProgressBar(total=1.0, show_eta=False)
                yield PlainText(id="received")
            yield PlainText(id="problem")
            yield PlainText(_HINT, classes="hint")

    def on_mount(self) -> None:
        """Focus the input and search for voices."""
        self.query_one("#download").display = False
        self.query_one(OptionList).can_focus = False
        self.query_one(Input).focus()
        self.run_worker(lambda: self.post_message(VoicesFound(find_voices())), thread=True, group="read")

    def on_unmount(self) -> None:
        """Terminate a running download."""
        if self._command:
            # In a thread, because it blocks while the process starts.
            threading.Thread(target=self._command.terminate).start()

    # Options

    @on(VoicesFound)
    def _offer_found(self, message: VoicesFound) -> None:
        self._found = [str(path) for path in message.paths]
        self._update_options()

    @on(NamesRead)
    def _offer_names(self, message: NamesRead) -> None:
        self._names = message.names
        self._end_command()
        self._update_options()

    @on(Input.Changed)
    def _update_options(self) -> None:
        """Offer the voices that were found, or the Piper voices whose name contains the typed text."""
        typed = self._typed
        self._show_error("")
        if self._names:
            offered = [name for name in self._names if typed.casefold() in name.casefold()]
            title = f"{len(offered)} of {len(self._names)} Piper voices:"
        else:
            offered = self._found
            title = "Found on this machine:" if offered else "No voices found on this machine."
        if is_piper_name(typed):
            title = f"Enter downloads {typed} to {self._workspace.voices}"
        self.query_one("#found", PlainText).show(escape_control(title))
        if offered != self._offered:
            self._offered = offered
            options = self.query_one(OptionList)
            options.clear_options()
            options.add_options(Option(_escape_markup(entry)) for entry in offered)
            options.highlighted = 0 if offered else None

    @property
    def _typed(self) -> str:
        return self.query_one(Input).value.strip()

    def action_highlight(self, step: int) -> None:
        """Highlight another option."""
        options = self.query_one(OptionList)
        if self._offered:
            options.highlighted = ((options.highlighted or 0) + step) % len(self._offered)

    # The choice

    @on(OptionList.OptionSelected)
    def _option_selected(self, event: OptionList.OptionSelected) -> None:
        self._choose(self._offered[event.option_index])

    @on(Input.Submitted)
    def _submitted(self) -> None:
        highlighted = self.query_one(OptionList).highlighted
        if self._typed and not (self._names and self._offered):
            self._choose(self._typed)
        elif highlighted is not None:
            self._choose(self._offered[highlighted])

    def _choose(self, choice: str) -> None:
        if self._command:
            return
        if is_piper_name(choice):
            command = Subcommand(self._workspace, "voices", "download", choice)
            self._start(command, f"Downloading {choice} …", "Download cancelled, nothing was kept.", downloads=True)
        else:
            # Absolute, since a name may begin with a dash.
            command = Subcommand(self._workspace, "voices", "add", str(typed_path(choice).absolute()))
            self._start(command, f"Checking {choice} …", "Cancelled, no voice was added.")

    def _show_error(self, error: str) -> None:
        self.query_one("#problem", PlainText).show(escape_control(error))

    # Downloads

    def action_list_collection(self) -> None:
        """List the official Piper voices."""
        if not self._command:
            command = Subcommand(self._workspace, "voices", "download")
            self._start(command, "Listing Piper's voices …", "Cancelled.", downloads=True)

    def _start(self, command: Subcommand, title: str, cancelled: str, downloads: bool = False) -> None:
        self._command, self._cancelled = command, cancelled
        self._show_error("")
        self.query_one("#found", PlainText).show(escape_control(title))
        self.query_one("#received", PlainText).show("")
        # Without a total the bar would pulse, which is costly over a slow connection.
        self.query_one(ProgressBar).update(total=1, progress=0)
        self._show_running(True, downloads)
        self.run_worker(lambda: self._run(command), thread=True, group="collection")

    def _run(self, command: Subcommand) -> None:
        try:
            answer = command.run(
                lambda report: self.post_message(Received(command, report["received"], report["total"]))
            )
        except TtsdashError as error:
            self.post_message(CommandEnded(command, error=str(error)))
        else:
            self.post_message(NamesRead(answer) if isinstance(answer, list) else CommandEnded(command, answer))

    @on(Received)
    def _show_received(self, message: Received) -> None:
        if message.command is self._command:
            of = f" of {megabytes(message.total)}" if message.total else ""
            self.query_one("#received", PlainText).show(f"{megabytes(message.received)}{of} MB")
            if message.total:
                self.query_one(ProgressBar).update(total=message.total, progress=message.received)

    @on(CommandEnded)
    def _command_ended(self, message: CommandEnded) -> None:
        if message.voice:
            from tui.dashboard.voice_actions import voice_added

            self.dismiss(voice_added(message.voice))
        elif message.command is self._command:
            self._end_command()
            self._update_options()
            self._show_error(message.error)

    def _end_command(self) -> None:
        self._command = None
        self._show_running(False)

    def _show_running(self, running: bool, downloads: bool = False) -> None:
        self.query_one("#download").display = downloads
        self.query_one(OptionList).display = not running
        self.query_one(Input).disabled = running
        self.query_one(".hint", PlainText).show(_RUNNING_HINT if running else _HINT)
        if not running:
            self.query_one(Input).focus()

    def action_back(self) -> None:
        """Cancel what runs, or close the dialog."""
        if self._command is None:
            self.dismiss(None)
            return
        command = self._command
        self._end_command()
        self._update_options()
        self._show_error(self._cancelled)
        self.run_worker(command.terminate, thread=True, group="collection")


def _escape_markup(text: str) -> str:
    """Return the text of an option, with brackets that are not markup."""
    return escape_control(text).replace("[", r"\[")
