"""Asks what to make of a voice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import DescendantFocus
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from core.errors import InvalidInput
from core.records.job_states import JobKind
from core.records.voices import Voice
from core.text import escape_control
from core.variants.recipes import RECIPES, Recipe, read_params
from core.voices.sentences import label_of
from jobs.submit import OptimizeRequest, variant_jobs
from tui.dashboard.common.checkbox import Choice
from tui.dashboard.common.path_suggester import PathSuggester, typed_path
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.voices.forecasts import Prospects, read_prospects, what_is_there
from tui.text.format import counted, known_time, moment, speedup

if TYPE_CHECKING:
    from core.store.durations import Estimate
    from core.workspace import Workspace
    from tui.dashboard.snapshot import Snapshot

_NOTHING = "Nothing is chosen: switch something on with space."


@dataclass
class ProspectsCame(Message):
    """What past runs here say."""

    prospects: Prospects


@dataclass
class CalibrationRead(Message):
    """What the file holds that was named to calibrate with: its label, or why it cannot be used."""

    typed: str = ""
    label: str | None = None
    problem: str | None = None


class OptimizeScreen(ModalScreen[OptimizeRequest | None]):
    """Ends with what is to be queued, or with None. With `kind` only what such a job makes is offered.

    `gone` are the paths of variants whose files are missing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="optimize.back"),
        Binding("enter", "queue", "Queue", priority=True, id="optimize.queue"),
        # Before the list of choices takes them to scroll; it follows the focus.
        Binding("down", "app.focus_next", "Down", show=False, priority=True, id="optimize.down"),
        Binding("up", "app.focus_previous", "Up", show=False, priority=True, id="optimize.up"),
        Binding("j", "app.focus_next", "Down", show=False, id="optimize.next"),
        Binding("k", "app.focus_previous", "Up", show=False, id="optimize.previous"),
    ]

    def __init__(
        self,
        workspace: Workspace,
        snapshot: Snapshot,
        voice: Voice,
        gone: frozenset[str] = frozenset(),
        kind: str | None = None,
    ) -> None:
        super().__init__()
        self._workspace, self._snapshot, self._voice = workspace, snapshot, voice
        self._recipes = {name: recipe for name, recipe in RECIPES.items() if kind in (None, recipe.job)}
        self._there = what_is_there(snapshot, voice, gone)
        self._in_place = {variant.name for variant in voice.variants if variant.path not in gone}
        self._wanted = [
            name
            for name, recipe in self._recipes.items()
            if (recipe.recommended or kind) and recipe.variant not in self._there
        ]
        self._title = f"Convert {voice.key} for Core ML" if kind == JobKind.CONVERT else f"Optimize {voice.key}"
        self.prospects: Prospects | None = None
        """None until they have been read."""
        self._wrong = False
        """Whether what is chosen and typed cannot be."""
        self._calibration = CalibrationRead()
        """The file that was read last."""
        self._entered = ""
        """With what is typed for it, somebody wants all queued as soon as the calibration has been read."""

    # How it looks

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog making", can_focus=False) as dialog:
            dialog.border_title = escape_control(self._title).replace("[", r"\[")
            for name, recipe in self._recipes.items():
                with Horizontal(classes="choice"):
                    yield Choice(recipe.variant, value=name in self._wanted, id=name, compact=True)
                    yield PlainText(self._there.get(recipe.variant, ""), id=f"note-{name}", classes="note")
            yield Choice("then measure it beside the original", value=bool(self._wanted), id="benchmark", compact=True)
            yield PlainText(id="known")
            with Vertical(classes="fields"):
                yield Input(placeholder="parameters, if any: name=value name=value", id="params", compact=True)
                yield Input(
                    placeholder="calibration, if not by its own sentences: a file with a sentence a line",
                    suggester=PathSuggester(),
                    id="calibration",
                    compact=True,
                )
            yield PlainText(id="problem")
            with Horizontal(classes="buttons"):
                yield Button("Queue", variant="primary", id="queue", compact=True)
                yield Button("Back", id="back", compact=True)
                yield PlainText("enter queue   space switch   esc back", classes="keys")

    def on_mount(self) -> None:
        self.query_one("#calibration").display = any(recipe.calibrated for recipe in self._recipes.values())
        self._judge()
        self.run_worker(self._look, thread=True, group="look")

    def _look(self) -> None:
        self.post_message(ProspectsCame(read_prospects(self._workspace, self._voice, self._snapshot.machine)))

    @on(ProspectsCame)
    def _show_prospects(self, message: ProspectsCame) -> None:
        self.prospects = message.prospects
        for name, recipe in self._recipes.items():
            prospect = message.prospects.recipes[name]
            note = self.query_one(f"#note-{name}", PlainText)
            if prospect.missing:
                choice = self.query_one(f"#{name}", Choice)
                choice.value, choice.disabled = False, True
                note.show(prospect.missing)
            elif recipe.variant not in self._there:
                note.set_class(prospect.forecast is not None, "forecast")
                note.show(str(prospect.forecast or "not made yet; no past result here"))
        self._show_known(self.focused.id if self.focused else None)
        self._judge()

    @on(DescendantFocus)
    def _focused(self, event: DescendantFocus) -> None:
        self._show_known(event.widget.id)

    def _show_known(self, focused: str | None) -> None:
        """Of the recipe in focus all that is known; while parameters are typed, those of all that are chosen."""
        if focused in self._recipes:
            lines = list(self._about(self._recipes[focused]))
        elif focused == "benchmark":
            lines = [self._about_benchmark()]
        elif focused == "calibration":
            lines = ["calibration: UTF-8 text with a sentence a line, in the place of the recipe's own sentences"]
        elif focused == "params":
            lines = list(_parameters([self._recipes[name] for name in self._chosen]))
        else:
            return
        self.query_one("#known", PlainText).show("\n".join(escape_control(line) for line in lines))

    def _about(self, recipe: Recipe) -> Iterator[str]:
        yield f"{recipe.variant}: {recipe.says}"
        yield self._existing(recipe)
        prospect = self.prospects.recipes[recipe.name] if self.prospects else None
        if prospect is None:
            yield "looking at past runs …"
            yield ""
        else:
            size = self._voice.size_bytes
            yield f"forecast: {prospect.forecast.of(size) if prospect.forecast else 'none, no past result here'}"
            yield f"time: {prospect.takes or 'not known, no past run here'}"
        yield from _parameters([recipe])

    def _existing(self, recipe: Recipe) -> str:
        """What is there already, with the figures in full."""
        made = next((one for one in self._voice.variants if one.name == recipe.variant), None)
        if made is None or recipe.variant not in self._there:
            says = self._there.get(recipe.variant)
            return says or ("its file is missing: made again it is back" if made else "not made of this voice yet")
        result = self._snapshot.latest_result(self._voice.key, made.name, made.sha256)
        if result is None:
            return f"made {moment(made.created_at)}, not measured"
        measured = speedup(result) if result.speedup is None else f"measured {speedup(result)}"
        return f"made {moment(made.created_at)}, {measured}, sound {result.grade or 'not graded'}"

    def _about_benchmark(self) -> str:
        return "Each is measured beside the original, in turn, alone on the machine; nothing else runs meanwhile."

    # What is wished

    @property
    def _chosen(self) -> list[str]:
        return [name for name in self._recipes if self.query_one(f"#{name}", Choice).value]

    @property
    def _calibration_typed(self) -> str:
        """Nothing while no recipe is chosen that takes one."""
        field = self.query_one("#calibration", Input)
        return "" if field.disabled else field.value.strip()

    def _wish(self) -> OptimizeRequest:
        """As it stands, without the calibration. Raises BadInput."""
        params = read_params(self.query_one("#params", Input).value.split())
        return OptimizeRequest(self._chosen, params, benchmark=self.query_one("#benchmark", Choice).value)

    def _makes(self, wish: OptimizeRequest) -> list[str]:
        """The variants, by name. Raises BadInput."""
        label = self._calibration.label if self._calibration_typed else None
        return [
            f"{job.variant}+calibration={label}" if label and self._recipes[name].calibrated else str(job.variant)
            for name, job in zip(wish.recipes, variant_jobs(self._voice, wish), strict=True)
        ]

    @on(Choice.Changed)
    @on(Input.Changed, "#params")
    def _judge(self) -> None:
        """Say what would be queued, or why that cannot be."""
        self.query_one("#calibration", Input).disabled = not any(
            self._recipes[name].calibrated for name in self._chosen
        )
        try:
            wish = self._wish()
            names = self._makes(wish)
        except InvalidInput as error:
            self._tell(str(error), wrong=True)
            return
        typed = self._calibration_typed
        if typed and self._calibration.typed == typed and self._calibration.problem:
            self._tell(self._calibration.problem, wrong=True)
        elif names or wish.benchmark:
            jobs = [f"{name} (again)" if name in self._in_place else name for name in names]
            jobs += ["a benchmark"] if wish.benchmark else []
            self._tell(f"{counted(len(jobs), 'job')}: {', '.join(jobs)}; {known_time(self._times(wish))}")
        else:
            self._tell(_NOTHING)

    def _times(self, wish: OptimizeRequest) -> list[Estimate | None]:
        if self.prospects is None:
            return []
        times = [self.prospects.recipes[name].takes for name in wish.recipes]
        if wish.benchmark:
            measured = len(wish.recipes) or len(self._voice.variants) - 1
            times.append(self.prospects.measuring and self.prospects.measuring.scaled(1 + measured))
        return times

    def _tell(self, line: str, wrong: bool = False) -> None:
        self._wrong = wrong
        told = self.query_one("#problem", PlainText)
        told.set_class(wrong, "wrong")
        told.show(escape_control(line))

    @on(Input.Changed, "#calibration")
    def _look_at_calibration(self) -> None:
        typed = self._calibration_typed
        if typed:
            self.run_worker(lambda: self._read_calibration(typed), thread=True, group="calibration", exclusive=True)
        self._judge()

    def _read_calibration(self, typed: str) -> None:
        try:
            self.post_message(CalibrationRead(typed, label_of(typed_path(typed))))
        except InvalidInput as error:
            self.post_message(CalibrationRead(typed, problem=str(error)))

    @on(CalibrationRead)
    def _judge_calibration(self, message: CalibrationRead) -> None:
        if message.typed == self.query_one("#calibration", Input).value.strip():
            self._calibration = message
            self._judge()
            if self._entered == message.typed:
                self._queue()

    @on(Button.Pressed, "#queue")
    def action_queue(self) -> None:
        if self.focused is self.query_one("#back"):
            self.dismiss(None)
        elif self._calibration_typed not in ("", self._calibration.typed):
            self._entered = self._calibration_typed
        else:
            self._queue()

    def _queue(self) -> None:
        wish = None if self._wrong else self._wish()
        if wish and (wish.recipes or wish.benchmark):
            typed = self._calibration_typed
            calibration = str(typed_path(typed).absolute()) if typed else None
            # What is there is made again by who switches it on.
            again = any(name in self._in_place for name in self._makes(wish))
            self.dismiss(replace(wish, calibration=calibration, force=again))

    @on(Button.Pressed, "#back")
    def _back(self) -> None:
        self.dismiss(None)


def _parameters(recipes: Sequence[Recipe]) -> Iterator[str]:
    known = {name: param for recipe in recipes for name, param in recipe.params.items()}
    if not known:
        yield "it has no parameters" if recipes else "switch something on to see its parameters"
    for name, param in known.items():
        yield f"  {name}={param.default} ({param.allowed}): {param.says}"
