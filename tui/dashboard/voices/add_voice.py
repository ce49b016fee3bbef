"""Asks for a voice: the path of one that lies here, or the name of one in Piper's collection, which it fetches."""

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
from tui.dashboard.subcommand import Subcommand
from tui.dashboard.voices.voice_finder import find_voices
from tui.text.format import megabytes

_HINT = "enter add   ↑ ↓ choose   → complete   ^l Piper's voices   esc back"
_LOADING_HINT = "esc cancel the download"


@dataclass
class VoicesFound(Message):
    """These lie about on this machine."""

    paths: list[Path]


@dataclass
class PathChecked(Message):
    """Whether something lies there."""

    path: str
    exists: bool


@dataclass
class NamesRead(Message):
    """These are in Piper's collection."""

    names: list[str]


@dataclass
class Received(Message):
    """So much of a voice is here."""

    apart: Subcommand
    received: int
    total: int | None


@dataclass
class Ended(Message):
    """What was asked of the collection has ended: with a voice, with a problem, or with neither when it was cancelled."""

    apart: Subcommand
    voice: dict[str, Any] | None = None
    problem: str = ""


class AddVoiceScreen(ModalScreen[str | None]):
    """Ends with a path, or with None; a voice that it has fetched is added already.

    What is typed counts before what is marked in the list; among the collection's names it chooses those to mark.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="add_voice.back"),
        Binding("ctrl+l", "list_collection", "List Piper's voices", id="add_voice.list"),
        Binding("down", "mark(1)", "Down", show=False, priority=True, id="add_voice.down"),
        Binding("up", "mark(-1)", "Up", show=False, priority=True, id="add_voice.up"),
    ]

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._found: list[str] = []
        """Paths, as they are offered."""
        self._names: list[str] = []
        """The collection's, once somebody has asked for them."""
        self._offered: list[str] = []
        self._apart: Subcommand | None = None
        """What is being asked of the collection."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield PlainText("Add a voice", classes="title")
            yield Input(
                placeholder="path of its .onnx, or a Piper voice's name: en_US-lessac-medium",
                suggester=PathSuggester(".onnx"),
                compact=True,
            )
            yield PlainText("Looking for voices on this machine …", id="found")
            yield OptionList(id="voices-found", compact=True)
            with Horizontal(id="loading"):
                yield ProgressBar(total=1.0, show_eta=False)
                yield PlainText(id="received")
            yield PlainText(id="problem")
            yield PlainText(_HINT, classes="hint")

    def on_mount(self) -> None:
        self.query_one("#loading").display = False
        self.query_one(OptionList).can_focus = False
        self.query_one(Input).focus()
        self.run_worker(lambda: self.post_message(VoicesFound(find_voices())), thread=True, group="look")

    def on_unmount(self) -> None:
        if self._apart:
            # In a thread: it waits while the process is being started.
            threading.Thread(target=self._apart.end).start()

    # What is offered

    @on(VoicesFound)
    def _offer_found(self, message: VoicesFound) -> None:
        self._found = [str(path) for path in message.paths]
        self._offer()

    @on(NamesRead)
    def _offer_names(self, message: NamesRead) -> None:
        self._names = message.names
        self._stop_loading()
        self._offer()

    @on(Input.Changed)
    def _offer(self) -> None:
        """The paths that were found, or of the collection's names those that hold what is typed."""
        typed = self._typed
        self._say("")
        if self._names:
            offered = [name for name in self._names if typed.casefold() in name.casefold()]
            told = f"{len(offered)} of Piper's {len(self._names)} voices:"
        else:
            offered, told = self._found, "Found on this machine:" if self._found else "None found on this machine."
        if is_piper_name(typed):
            told = f"enter fetches {typed} into {self._workspace.voices}"
        self.query_one("#found", PlainText).show(escape_control(told))
        if offered != self._offered:
            self._offered = offered
            options = self.query_one(OptionList)
            options.clear_options()
            options.add_options(Option(_plain(entry)) for entry in offered)
            options.highlighted = 0 if offered else None

    @property
    def _typed(self) -> str:
        return self.query_one(Input).value.strip()

    def action_mark(self, step: int) -> None:
        options = self.query_one(OptionList)
        if self._offered:
            options.highlighted = ((options.highlighted or 0) + step) % len(self._offered)

    # What is chosen

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self._take(self._offered[event.option_index])

    @on(Input.Submitted)
    def _entered(self) -> None:
        marked = self.query_one(OptionList).highlighted
        if self._typed and not (self._names and self._offered):
            self._take(self._typed)
        elif marked is not None:
            self._take(self._offered[marked])

    def _take(self, chosen: str) -> None:
        if self._apart:
            return
        if is_piper_name(chosen):
            self._load(chosen)
        else:
            self.run_worker(lambda: self._look_for(chosen), thread=True, group="look")

    def _look_for(self, path: str) -> None:
        self.post_message(PathChecked(path, typed_path(path).exists()))

    @on(PathChecked)
    def _take_path(self, message: PathChecked) -> None:
        if message.exists:
            self.dismiss(message.path)
        elif message.path == self._typed:
            self._say(f"{message.path} does not exist: check the path")

    def _say(self, problem: str) -> None:
        self.query_one("#problem", PlainText).show(escape_control(problem))

    # What is fetched

    def action_list_collection(self) -> None:
        if not self._apart:
            self._start(Subcommand(self._workspace, "voices", "download"), "Asking for the names of Piper's voices …")

    def _load(self, name: str) -> None:
        self._start(Subcommand(self._workspace, "voices", "download", name), f"Fetching {name} …")

    def _start(self, apart: Subcommand, told: str) -> None:
        self._apart = apart
        self._say("")
        self.query_one("#found", PlainText).show(told)
        self.query_one("#received", PlainText).show("")
        # Without a total it would pulse, which costs a slow line what it is meant to save.
        self.query_one(ProgressBar).update(total=1, progress=0)
        self._show_loading(True)
        self.run_worker(lambda: self._run(apart), thread=True, group="collection")

    def _run(self, apart: Subcommand) -> None:
        try:
            answer = apart.run(lambda told: self.post_message(Received(apart, told["received"], told["total"])))
        except TtsdashError as error:
            self.post_message(Ended(apart, problem=str(error)))
        else:
            self.post_message(NamesRead(answer) if isinstance(answer, list) else Ended(apart, answer))

    @on(Received)
    def _show_received(self, message: Received) -> None:
        if message.apart is self._apart:
            of = f" of {megabytes(message.total)}" if message.total else ""
            self.query_one("#received", PlainText).show(f"{megabytes(message.received)}{of} MB")
            if message.total:
                self.query_one(ProgressBar).update(total=message.total, progress=message.received)

    @on(Ended)
    def _show_end(self, message: Ended) -> None:
        if message.voice:
            from tui.dashboard.actions import voice_added

            self.app.post_message(voice_added(message.voice))
            self.dismiss(None)
        elif message.apart is self._apart:
            self._stop_loading()
            self._offer()
            self._say(message.problem)

    def _stop_loading(self) -> None:
        self._apart = None
        self._show_loading(False)

    def _show_loading(self, loading: bool) -> None:
        self.query_one("#loading").display = loading
        self.query_one(OptionList).display = not loading
        self.query_one(Input).disabled = loading
        self.query_one(".hint", PlainText).show(_LOADING_HINT if loading else _HINT)
        if not loading:
            self.query_one(Input).focus()

    def action_back(self) -> None:
        """Out of a download back into the dialog, out of the dialog."""
        if self._apart is None:
            self.dismiss(None)
            return
        apart = self._apart
        self._stop_loading()
        self._offer()
        self._say("cancelled: nothing of it was kept")
        self.run_worker(apart.end, thread=True, group="collection")


def _plain(text: str) -> str:
    """As an option's text, whose brackets are no markup."""
    return escape_control(text).replace("[", r"\[")
