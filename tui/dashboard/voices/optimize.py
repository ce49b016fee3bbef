"""The dialog that chooses which variants to make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.events import DescendantFocus
from textual.message import Message
from textual.widgets import Button, Input

from core.errors import InvalidInput
from core.records.job_states import JobKind
from core.records.voices import Voice
from core.text import escape_control
from core.variants.recipes import RECIPES, Recipe, read_params
from core.voices.sentences import label_of
from jobs.submit import OptimizeRequest, variant_jobs
from tui.dashboard.common.checkbox import PlainCheckbox
from tui.dashboard.common.dialogs import ActionScreen, focus_keys
from tui.dashboard.common.path_suggester import PathSuggester, typed_path
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.messages import Outcome
from tui.dashboard.voices.forecasts import VoiceForecasts, describe_existing, read_forecasts
from tui.text.format import counted, local_time, speedup, total_duration

if TYPE_CHECKING:
    from core.store.durations import Estimate
    from core.workspace import Workspace
    from tui.dashboard.snapshot import Snapshot

_NOTHING = "Nothing selected. Space toggles a variant."


@dataclass
class ForecastsRead(Message):
    """The forecasts for the voice have been read."""

    forecasts: VoiceForecasts


@dataclass
class CalibrationRead(Message):
    """The calibration text has been read: its label, or why it cannot be used."""

    typed: str = ""
    label: str | None = None
    error: str | None = None


class OptimizeScreen(ActionScreen):
    """A dialog that queues variants to make."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="optimize.back"),
        Binding("enter", "queue", "Queue", priority=True, id="optimize.queue"),
        *focus_keys("optimize"),
    ]

    def __init__(
        self,
        workspace: Workspace,
        snapshot: Snapshot,
        voice: Voice,
        queue: Callable[[OptimizeRequest], Outcome],
        missing: frozenset[str] = frozenset(),
        kind: str | None = None,
    ) -> None:
        """Open on a voice. `missing` are paths without a file; `kind` limits the recipes to those of one kind of job."""
        super().__init__()
        self._submit = queue
        self._workspace, self._snapshot, self._voice = workspace, snapshot, voice
        self._recipes = {name: recipe for name, recipe in RECIPES.items() if kind in (None, recipe.job)}
        self._existing_notes = describe_existing(snapshot, voice, missing)
        self._existing = {variant.name for variant in voice.variants if variant.path not in missing}
        self._preselected = [
            name
            for name, recipe in self._recipes.items()
            if (recipe.recommended or kind) and recipe.variant not in self._existing_notes
        ]
        self._title = f"Convert {voice.key} for Core ML" if kind == JobKind.CONVERT else f"Optimize {voice.key}"
        self.forecasts: VoiceForecasts | None = None
        """None until they have been read."""
        self._invalid = False
        """Whether the current input cannot be queued."""
        self._calibration = CalibrationRead()
        """The last one that was read."""
        self._queue_after = ""
        """The calibration path that has to be read before the job is queued."""

    # Layout

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        with VerticalScroll(classes="dialog making", can_focus=False) as dialog:
            dialog.border_title = escape_control(self._title).replace("[", r"\[")
            for name, recipe in self._recipes.items():
                with Horizontal(classes="choice"):
                    yield PlainCheckbox(recipe.variant, value=name in self._preselected, id=name, compact=True)
                    yield PlainText(self._existing_notes.get(recipe.variant, ""), id=f"note-{name}", classes="note")
            yield PlainText(id="known")
            with Horizontal(classes="fields"):
                yield Input(placeholder="Parameters: name=value …", id="params", compact=True)
                yield Input(
                    placeholder="Calibration text: a file",
                    suggester=PathSuggester(),
                    id="calibration",
                    compact=True,
                )
            yield PlainText(id="problem")
            with Horizontal(classes="buttons"):
                yield PlainCheckbox("then benchmark", value=bool(self._preselected), id="benchmark", compact=True)
                yield Button("Queue", variant="primary", id="queue", compact=True)
                yield Button("Back", id="back", compact=True)
                yield PlainText("Enter queue   Space toggle", classes="keys")

    def on_mount(self) -> None:
        """Show the initial state and read the forecasts."""
        self.query_one("#calibration").display = any(recipe.calibrated for recipe in self._recipes.values())
        self._update_status()
        self.run_worker(self._read_forecasts, thread=True, group="read")

    def _read_forecasts(self) -> None:
        self.post_message(ForecastsRead(read_forecasts(self._workspace, self._voice, self._snapshot.machine)))

    @on(ForecastsRead)
    def _forecasts_read(self, message: ForecastsRead) -> None:
        self.forecasts = message.forecasts
        for name, recipe in self._recipes.items():
            recipe_forecast = message.forecasts.recipes[name]
            note = self.query_one(f"#note-{name}", PlainText)
            if recipe_forecast.obstacle:
                choice = self.query_one(f"#{name}", PlainCheckbox)
                choice.value, choice.disabled = False, True
                note.show(recipe_forecast.obstacle)
            elif recipe.variant not in self._existing_notes:
                note.set_class(recipe_forecast.forecast is not None, "forecast")
                note.show(str(recipe_forecast.forecast or "not made, no estimate"))
        self._show_info(self.focused.id if self.focused else None)
        self._update_status()

    @on(DescendantFocus)
    def _focus_changed(self, event: DescendantFocus) -> None:
        self._show_info(event.widget.id)

    def _show_info(self, focused: str | None) -> None:
        """Show what is known about the focused recipe or input."""
        if focused in self._recipes:
            lines = list(self._about(self._recipes[focused]))
        elif focused == "benchmark":
            lines = ["Every variant is benchmarked against the original, in pairs; no other job runs meanwhile."]
        elif focused == "calibration":
            lines = ["Calibration text: UTF-8, one sentence per line; it replaces the built-in sentences."]
        elif focused == "params":
            lines = list(_parameters([self._recipes[name] for name in self._chosen]))
        else:
            return
        self.query_one("#known", PlainText).show("\n".join(escape_control(line) for line in lines))

    def _about(self, recipe: Recipe) -> Iterator[str]:
        yield f"{recipe.variant}: {recipe.description}"
        yield self._describe_made(recipe)
        if self.forecasts is None:
            yield "reading past runs …"
            yield ""
        else:
            expected = self.forecasts.recipes[recipe.name]
            result = (
                expected.forecast.of(self._voice.size_bytes) if expected.forecast else "unknown (no past runs here)"
            )
            yield f"expected: {result}"
            yield f"time: {expected.duration or 'unknown (no past runs here)'}"
        yield from _parameters([recipe])

    def _describe_made(self, recipe: Recipe) -> str:
        """Return the state of the variant, with its results in full."""
        made = next((one for one in self._voice.variants if one.name == recipe.variant), None)
        if made is None or recipe.variant not in self._existing_notes:
            if note := self._existing_notes.get(recipe.variant):
                return note
            if made and made.outdated:
                return made.outdated.reason
            return "file missing: making it again restores it" if made else "not made yet"
        result = self._snapshot.latest_result(self._voice, made)
        if result is None:
            return f"made {local_time(made.created_at)}, not measured"
        measured = speedup(result) if result.speedup is None else f"measured {speedup(result)}"
        return f"made {local_time(made.created_at)}, {measured}, sound {result.grade or 'not graded'}"

    # The request

    @property
    def _chosen(self) -> list[str]:
        return [name for name in self._recipes if self.query_one(f"#{name}", PlainCheckbox).value]

    @property
    def _calibration_typed(self) -> str:
        """Return the typed path; an empty string while no selected recipe uses calibration."""
        field = self.query_one("#calibration", Input)
        return "" if field.disabled else field.value.strip()

    def _request(self) -> OptimizeRequest:
        """Return the current request, without the calibration. Raises InvalidInput."""
        params = read_params(self.query_one("#params", Input).value.split())
        return OptimizeRequest(self._chosen, params, benchmark=self.query_one("#benchmark", PlainCheckbox).value)

    def _variant_names(self, request: OptimizeRequest) -> list[str]:
        """Return the names of the variants that a request makes. Raises InvalidInput."""
        label = self._calibration.label if self._calibration_typed else None
        return [
            f"{job.variant}+calibration={label}" if label and self._recipes[name].calibrated else str(job.variant)
            for name, job in zip(request.recipes, variant_jobs(self._voice, request), strict=True)
        ]

    @on(PlainCheckbox.Changed)
    @on(Input.Changed, "#params")
    def _update_status(self) -> None:
        """Show what would be queued, or why that is not possible."""
        self.query_one("#calibration", Input).disabled = not any(
            self._recipes[name].calibrated for name in self._chosen
        )
        try:
            request = self._request()
            names = self._variant_names(request)
        except InvalidInput as error:
            self._show_status(str(error), invalid=True)
            return
        typed = self._calibration_typed
        if typed and self._calibration.typed == typed and self._calibration.error:
            self._show_status(self._calibration.error, invalid=True)
        elif names or request.benchmark:
            jobs = [f"{name} (again)" if name in self._existing else name for name in names]
            if request.benchmark:
                jobs.append("a benchmark")
            duration = total_duration(self._durations(request))
            self._show_status(f"{counted(len(jobs), 'job')}: {', '.join(jobs)} · duration: {duration}")
        else:
            self._show_status(_NOTHING)

    def _durations(self, request: OptimizeRequest) -> list[Estimate | None]:
        if self.forecasts is None:
            return []
        durations = [self.forecasts.recipes[name].duration for name in request.recipes]
        if request.benchmark:
            variants = len(request.recipes) or len(self._voice.variants) - 1
            durations.append(self.forecasts.benchmark and self.forecasts.benchmark.scaled(1 + variants))
        return durations

    def show_problem(self, text: str) -> None:
        """Show an error of the queue, or that the request is being queued."""
        self._show_status(text)
        self.query_one("#problem").set_class(not self.busy, "wrong")

    def _show_status(self, line: str, invalid: bool = False) -> None:
        self._invalid = invalid
        status = self.query_one("#problem", PlainText)
        status.set_class(invalid, "wrong")
        status.show(escape_control(line))

    @on(Input.Changed, "#calibration")
    def _calibration_changed(self) -> None:
        typed = self._calibration_typed
        if typed:
            self.run_worker(lambda: self._read_calibration(typed), thread=True, group="calibration", exclusive=True)
        self._update_status()

    def _read_calibration(self, typed: str) -> None:
        try:
            self.post_message(CalibrationRead(typed, label_of(typed_path(typed))))
        except InvalidInput as error:
            self.post_message(CalibrationRead(typed, error=str(error)))

    @on(CalibrationRead)
    def _calibration_read(self, message: CalibrationRead) -> None:
        if message.typed == self.query_one("#calibration", Input).value.strip():
            self._calibration = message
            self._update_status()
            if self._queue_after == message.typed:
                self._queue()

    @on(Button.Pressed, "#queue")
    def action_queue(self) -> None:
        """Queue the request, as soon as the calibration text has been read."""
        if self.focused is self.query_one("#back"):
            self.dismiss(None)
        elif self._calibration_typed not in ("", self._calibration.typed):
            self._queue_after = self._calibration_typed
        else:
            self._queue()

    def _queue(self) -> None:
        if self._invalid:
            return
        request = self._request()
        if request.recipes or request.benchmark:
            typed = self._calibration_typed
            calibration = str(typed_path(typed).absolute()) if typed else None
            # Existing variants are off by default: selecting one means to make it again.
            force = any(name in self._existing for name in self._variant_names(request))
            complete = replace(request, calibration=calibration, force=force)
            self.carry_out(lambda: self._submit(complete), "queueing …")

    @on(Button.Pressed, "#back")
    def _back(self) -> None:
        self.dismiss(None)


def _parameters(recipes: Sequence[Recipe]) -> Iterator[str]:
    known = {name: param for recipe in recipes for name, param in recipe.params.items()}
    if not known:
        yield "no parameters" if recipes else "Select a variant to see its parameters."
    for name, param in known.items():
        yield f"  {name}={param.default} ({param.allowed}): {param.description}"
