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
    """Ends with a path, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Add a voice: the path of its .onnx", classes="title")
            yield Input(
                placeholder="/path/to/en_US-amy-medium.onnx",
                suggester=_PathSuggester(case_sensitive=True),
                compact=True,
            )
            yield Static("Looking for voices …", id="found", markup=False)
            yield OptionList(id="voices-found", compact=True)
            yield Static("enter add   → complete   tab to the list   esc back", classes="hint", markup=False)

    def on_mount(self) -> None:
        self.query_one(OptionList).display = False
        self.run_worker(self._look, thread=True)

    def _look(self) -> None:
        found = find_voices()
        if self.is_attached:
            self.app.call_from_thread(self._offer, found)

    def _offer(self, found: list[Path]) -> None:
        options = self.query_one(OptionList)
        options.add_options(Option(_plain(path), id=str(number)) for number, path in enumerate(found))
        self._found = found
        options.display = bool(found)
        text = "Found on this machine:" if found else "None found near here: type or paste a path."
        self.query_one("#found", Static).update(text)
        if found and not self.query_one(Input).value:
            options.focus()
            options.highlighted = 0

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(str(self._found[event.option_index]))

    @on(Input.Submitted)
    def _typed(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.dismiss(event.value.strip())


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
