"""Asks what to make of a voice."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import DescendantFocus
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from core.errors import BadInput
from core.recipes import RECIPES, Recipe, read_params
from core.store.voices import Voice
from jobs.submit import Wish, making_jobs
from tui.widgets.choice import Choice


class OptimizeScreen(ModalScreen[Wish | None]):
    """Ends with what is to be queued, or with None. `forecasts` are by recipe."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("enter", "queue", "Queue", priority=True),
        # Before the list of choices takes them to scroll; it follows the focus.
        Binding("down", "app.focus_next", show=False, priority=True),
        Binding("up", "app.focus_previous", show=False, priority=True),
        Binding("j", "app.focus_next", show=False),
        Binding("k", "app.focus_previous", show=False),
    ]

    def __init__(self, voice: Voice, forecasts: Mapping[str, str]) -> None:
        super().__init__()
        self._voice, self._forecasts = voice, forecasts

    def compose(self) -> ComposeResult:
        made = {variant.name for variant in self._voice.variants}
        with Vertical(classes="dialog"):
            yield Static(f"Optimize {self._voice.key}", classes="title", markup=False)
            with VerticalScroll(classes="choices", can_focus=False):
                for recipe in RECIPES.values():
                    again = " (again)" if recipe.variant in made else ""
                    label = f"{recipe.variant}{again}: {recipe.missing or recipe.says}"
                    chosen, missing = recipe.recommended, recipe.missing is not None
                    yield Choice(label, value=chosen and not missing, id=recipe.name, compact=True, disabled=missing)
                    if recipe.name in self._forecasts:
                        yield Static(f"    {self._forecasts[recipe.name]}", classes="forecast", markup=False)
                yield Choice("then measure it beside the original", value=True, id="benchmark", compact=True)
            yield Input(placeholder="parameters, if any: name=value name=value", id="params", compact=True)
            yield Static("", id="known", classes="hint", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Queue", variant="primary", id="queue", compact=True)
                yield Button("Back", id="back", compact=True)
                yield Static("enter queue   space switch   esc back", classes="keys", markup=False)

    @on(DescendantFocus)
    def _tell_parameters(self, event: DescendantFocus) -> None:
        """Of the recipe in focus its parameters; while they are typed, those of all that are chosen."""
        recipe = RECIPES.get(event.widget.id or "")
        shown = [recipe] if recipe else [RECIPES[name] for name in self._chosen] if event.widget.id == "params" else []
        self.query_one("#known", Static).update(_parameters(shown))

    @property
    def _chosen(self) -> list[str]:
        return [name for name in RECIPES if self.query_one(f"#{name}", Choice).value]

    @on(Button.Pressed, "#queue")
    def action_queue(self) -> None:
        if self.focused is self.query_one("#back"):
            self.dismiss(None)
            return
        try:
            params = read_params(self.query_one("#params", Input).value.split())
            wish = Wish(self._chosen, params, benchmark=self.query_one("#benchmark", Choice).value)
            making_jobs(self._voice, wish)
        except BadInput as error:
            self.notify(str(error), severity="error", markup=False)
            return
        if wish.recipes or wish.benchmark:
            self.dismiss(wish)
        else:
            self.notify("Nothing is chosen: switch something on with space.", severity="warning")

    @on(Button.Pressed, "#back")
    def _back(self) -> None:
        self.dismiss(None)


def _parameters(recipes: Sequence[Recipe]) -> str:
    known = {name: param for recipe in recipes for name, param in recipe.params.items()}
    return "  ".join(f"{name}={param.default} ({param.allowed})" for name, param in known.items())
