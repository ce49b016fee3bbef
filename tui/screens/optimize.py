"""Asks what to make of a voice."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Checkbox, Static

from core.quantize.recipes import RECIPES
from core.store.voices import Voice
from jobs.submit import Wish


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
        with Vertical(classes="dialog"):
            yield Static(f"Optimize {self._voice.key}", classes="title", markup=False)
            for recipe in RECIPES.values():
                again = " (again)" if recipe.variant in made else ""
                yield Checkbox(recipe.says + again, value=True, id=recipe.name, compact=True)
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
        recipes = tuple(name for name in RECIPES if self.query_one(f"#{name}", Checkbox).value)
        wish = Wish(recipes, benchmark=self.query_one("#benchmark", Checkbox).value)
        if wish.recipes or wish.benchmark:
            self.dismiss(wish)
        else:
            self.notify("Nothing is chosen: switch something on with space.", severity="warning")

    @on(Button.Pressed, "#back")
    def _back(self) -> None:
        self.dismiss(None)
