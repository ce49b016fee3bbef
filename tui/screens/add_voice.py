"""Asks for the path of a voice, and offers those that lie about."""

import asyncio
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from core.text import printable
from tui.voice_finder import find_voices


class AddVoiceScreen(ModalScreen[str | None]):
    """Ends with a path, or with None. What is typed counts before what is marked in the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("down", "mark(1)", "Down", show=False, priority=True),
        Binding("up", "mark(-1)", "Up", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._found: list[Path] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Add a voice", classes="title")
            yield Input(
                placeholder="type or paste the path of its .onnx",
                suggester=_PathSuggester(case_sensitive=True),
                compact=True,
            )
            yield Static("Looking for voices on this machine …", id="found", markup=False)
            yield OptionList(id="voices-found", compact=True)
            yield Static("", id="problem", markup=False)
            yield Static("enter add   ↑ ↓ choose from the list   → complete   esc back", classes="hint", markup=False)

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self.query_one(Input).focus()
        self.run_worker(self._look, thread=True)

    def _look(self) -> None:
        found = find_voices()
        if self.is_attached:
            self.app.call_from_thread(self._offer, found)

    def _offer(self, found: list[Path]) -> None:
        options = self.query_one(OptionList)
        options.add_options(Option(_plain(path), id=str(number)) for number, path in enumerate(found))
        self._found = found
        options.highlighted = 0 if found else None
        self.query_one("#found", Static).update("Found on this machine:" if found else "None found on this machine.")

    def action_mark(self, step: int) -> None:
        options = self.query_one(OptionList)
        if self._found:
            options.highlighted = ((options.highlighted or 0) + step) % len(self._found)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(str(self._found[event.option_index]))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        typed = event.value.strip()
        marked = self.query_one(OptionList).highlighted
        if typed and not Path(typed).expanduser().exists():
            self.query_one("#problem", Static).update(f"{printable(typed)} does not exist: check the path")
        elif typed:
            self.dismiss(typed)
        elif marked is not None:
            self.dismiss(str(self._found[marked]))


class _PathSuggester(Suggester):
    """Completes a path to the first folder or .onnx file that starts with it."""

    async def get_suggestion(self, value: str) -> str | None:
        return await asyncio.to_thread(_complete, value)


def _complete(value: str) -> str | None:
    typed = Path(value).expanduser()
    folder, start = (typed, "") if value.endswith("/") else (typed.parent, typed.name)
    try:
        names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in folder.iterdir())
    except OSError:
        return None
    for name in names:
        if name.startswith(start) and name != start and name.endswith(("/", ".onnx")) and not name.startswith("."):
            return value + name[len(start) :]
    return None


def _plain(path: Path) -> str:
    """A path as an option's text, whose brackets are no markup."""
    return printable(str(path)).replace("[", r"\[")
