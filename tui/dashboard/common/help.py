"""The help dialog."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

from core.quality.grade import describe_limits
from tui.dashboard.common.scrolled_text import KeyScroll

_LEGEND = """*         selected on this machine
speed-up  original time / variant time: above 1 is faster;
          median over the pairs of a run, 95 % confidence interval;
          "~" marks a noisy run (other load on the machine)
thr.      threads
RTF       real-time factor: seconds of compute per second of speech
mel dB    spectral distance from the original
drift     change in the duration of the speech
sound     a grade by measured limits; nobody has listened
baseline  the original, which the others are measured against"""


class HelpScreen(ModalScreen[None]):
    """The keys that work in the current focus, and a legend of the figures."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "dismiss", "Back")]

    def __init__(self, keys: list[tuple[str, str]]) -> None:
        """Show keys with their descriptions."""
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        width = max(len(key) for key, _ in self._keys)
        lines = [f"{key:<{width}}   {description}" for key, description in self._keys]
        with KeyScroll(classes="dialog wide"):
            yield Static("Keys", classes="title")
            yield Static("\n".join(lines), markup=False)
            yield Static("Figures", classes="title next")
            yield Static(_LEGEND, markup=False)
            yield Static("\n".join(f"  {line}" for line in describe_limits()), markup=False)
            yield Static("Esc back   j k scroll", classes="hint")
