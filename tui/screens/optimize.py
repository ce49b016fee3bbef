"""Asks what to make of a voice."""

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Checkbox, Static

from core.store.voices import Voice


@dataclass(frozen=True)
class Wish:
    """What is to be queued."""

    recipes: tuple[str, ...]
    benchmark: bool


class OptimizeScreen(ModalScreen[Wish | None]):
    """Ends with what is to be queued, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("enter", "queue", "Queue", priority=True),
        Binding("down,j", "app.focus_next", show=False),
        Binding("up,k", "app.focus_previous", show=False),
    ]

    def __init__(self, voice: Voice) -> None:
        super().__init__()
        self._voice = voice

    def compose(self) -> ComposeResult:
        made = {variant.name for variant in self._voice.variants}
        again = " (again)" if "dynamic-int8" in made else ""
        with Vertical(classes="dialog"):
            yield Static(f"Optimize {self._voice.key}", classes="title", markup=False)
            yield Checkbox("dynamic INT8, as the usual guide makes it" + again, value=True, id="guide", compact=True)
            yield Checkbox("then measure it beside the original", value=True, id="benchmark", compact=True)
            with Horizontal(classes="buttons"):
                yield Button("Queue", variant="primary", id="queue", compact=True)
                yield Button("Back", id="back", compact=True)
            yield Static("enter queue   space switch   esc back", classes="hint", markup=False)

    @on(Button.Pressed, "#queue")
    def action_queue(self) -> None:
        if self.focused is self.query_one("#back"):
            self.dismiss(None)
            return
        recipes = ("guide",) if self.query_one("#guide", Checkbox).value else ()
        wish = Wish(recipes, self.query_one("#benchmark", Checkbox).value)
        if wish.recipes or wish.benchmark:
            self.dismiss(wish)
        else:
            self.notify("Nothing is chosen: switch something on with space.", severity="warning")

    @on(Button.Pressed, "#back")
    def _back(self) -> None:
        self.dismiss(None)
