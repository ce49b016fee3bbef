"""All keys that work where one is."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.dashboard.common.scrolled_text import KeyScroll

_LEGEND = """*         selected on this machine
speed-up  the original's time / the variant's: above 1 is faster;
          median of the pairs of one run, and its 95 % interval;
          "~" marks a run on a busy machine
thr.      threads
RTF       real-time factor: seconds of work a second of speech
mel dB    distance of the sound; below 1.5 nobody hears it
drift     how much longer or shorter the words are spoken
sound     transparent, slight, noticeable or broken"""


class HelpScreen(ModalScreen[None]):
    """A line for each key, and what the figures mean."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "dismiss", "Back")]

    def __init__(self, keys: list[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        width = max(len(key) for key, _ in self._keys)
        lines = [f"{key:<{width}}   {does}" for key, does in self._keys]
        with KeyScroll(classes="dialog wide"):
            yield Static("Keys", classes="title")
            yield Static("\n".join(lines), markup=False)
            yield Static("Figures", classes="title next")
            yield Static(_LEGEND, markup=False)
            yield Static("esc back   j k scroll", classes="hint")
