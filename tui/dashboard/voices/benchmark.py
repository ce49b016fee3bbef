"""The dialog that queues a benchmark."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Input

from core.clock import format_duration, parse_duration
from core.errors import InvalidInput
from core.records.job_states import OPEN, JobKind
from core.records.jobs import Job, NewJob
from core.records.voices import ORIGINAL, Voice
from core.text import escape_control
from jobs.submit import benchmark_job, measures_the_same
from tui.dashboard.common.checkbox import PlainCheckbox
from tui.dashboard.common.dialogs import ActionScreen, focus_keys
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.messages import Outcome
from tui.text.format import counted

if TYPE_CHECKING:
    from core.store.durations import Estimate
    from core.workspace import Workspace
    from tui.dashboard.snapshot import Snapshot

# Without thread counts a benchmark runs at one thread and at all cores.
_DEFAULT_THREAD_COUNTS = 2


@dataclass
class ExpectationRead(Message):
    """What is known before a benchmark: the duration of one of the original alone, and the budget in the settings."""

    duration: Estimate | None
    budget_s: float


class BenchmarkScreen(ActionScreen):
    """A dialog for the variants, threads and budget of a benchmark; it names one that is already queued."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="benchmark.back"),
        Binding("enter", "queue", "Queue", priority=True, id="benchmark.queue"),
        *focus_keys("benchmark"),
    ]

    def __init__(
        self,
        workspace: Workspace,
        snapshot: Snapshot,
        voice: Voice,
        chosen: tuple[str, ...],
        queue: Callable[[NewJob, bool], Outcome],
    ) -> None:
        """Open on a voice, with these variants chosen. `queue` gets the job, and whether to queue it a second time."""
        super().__init__()
        self._workspace, self._snapshot, self._voice = workspace, snapshot, voice
        self._variants = [variant.name for variant in voice.variants if variant.name != ORIGINAL]
        self._preselected, self._submit = chosen, queue
        self.expectation: ExpectationRead | None = None
        """None until it has been read."""

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        with VerticalScroll(classes="dialog making", can_focus=False) as dialog:
            dialog.border_title = escape_control(f"Benchmark {self._voice.key}").replace("[", r"\[")
            yield PlainText("The original is always measured, in turn with each variant; no other job runs meanwhile.")
            for number, name in enumerate(self._variants):
                yield PlainCheckbox(name, value=name in self._preselected, id=f"variant-{number}", compact=True)
            with Horizontal(classes="field"):
                yield PlainText("threads", classes="label")
                yield Input(
                    placeholder="optional, such as 1 4; without: one thread and all cores", id="threads", compact=True
                )
            with Horizontal(classes="field"):
                yield PlainText("budget", classes="label")
                yield Input(placeholder="optional, such as 5min; measuring ends after it", id="budget", compact=True)
            yield PlainCheckbox("queue it again if it is already queued", id="again", compact=True)
            yield PlainText(id="expected")
            yield PlainText(id="problem")
            yield PlainText("Enter queue   Space toggle   ↑ ↓ choose   Esc back", classes="hint")

    def on_mount(self) -> None:
        """Show the initial state, and read what past runs took."""
        self.query(PlainCheckbox).first().focus()
        self._update_status()
        self.run_worker(self._read_expectation, thread=True, group="read")

    def _read_expectation(self) -> None:
        from core.settings import Settings, read_settings
        from core.store.database import open_store
        from core.store.durations import estimate

        with closing(open_store(self._workspace)) as db:
            duration = estimate(db, benchmark_job(self._voice, []), self._snapshot.machine)
        try:
            settings = read_settings(self._workspace)
        except InvalidInput:
            settings = Settings()
        self.post_message(ExpectationRead(duration, settings.benchmark_budget_s))

    @on(ExpectationRead)
    def _expectation_read(self, message: ExpectationRead) -> None:
        self.expectation = message
        self._update_status()

    # The request

    @property
    def _chosen(self) -> list[str]:
        return [
            name
            for number, name in enumerate(self._variants)
            if self.query_one(f"#variant-{number}", PlainCheckbox).value
        ]

    def _job(self) -> NewJob:
        """Return the job that is typed. Raises InvalidInput."""
        threads, budget = (self.query_one(f"#{name}", Input).value.strip() for name in ("threads", "budget"))
        return benchmark_job(self._voice, self._chosen, _read_threads(threads), budget_s=_read_budget(budget))

    @on(PlainCheckbox.Changed)
    @on(Input.Changed)
    def _update_status(self) -> None:
        """Show what would be queued, or why that is not possible."""
        try:
            job = self._job()
        except InvalidInput as error:
            self.query_one("#expected", PlainText).show("")
            self.show_problem(str(error))
            return
        measured = counted(len(job.params["variants"]), "variant")
        self.query_one("#expected", PlainText).show(f"{measured} and the original · {self._expected(job)}")
        same = self._same(job)
        again = self.query_one("#again", PlainCheckbox).value
        self.show_problem("" if same is None or again else f"already {same.shown_state}: job {same.id}")

    def _expected(self, job: NewJob) -> str:
        if self.expectation is None:
            return "reading past runs …"
        units = (1 + len(job.params["variants"])) * (len(job.params["threads"]) or _DEFAULT_THREAD_COUNTS)
        duration = self.expectation.duration
        expected = duration.scaled(units / _DEFAULT_THREAD_COUNTS) if duration else "unknown (no past runs here)"
        budget = job.params["budget_s"] or self.expectation.budget_s
        return f"duration: {expected}; measures for {format_duration(budget)} at most"

    def _same(self, job: NewJob) -> Job | None:
        """Return the queued or running job that measures the same."""
        return next(
            (
                other
                for other in self._snapshot.jobs
                if other.kind == JobKind.BENCHMARK
                and other.voice_id == self._voice.id
                and other.state in OPEN
                and not other.cancel_asked
                and measures_the_same(other.params, job.params)
            ),
            None,
        )

    def action_queue(self) -> None:
        """Queue the benchmark."""
        try:
            job = self._job()
        except InvalidInput as error:
            self.show_problem(str(error))
            return
        again = self.query_one("#again", PlainCheckbox).value
        self.carry_out(lambda: self._submit(job, again), "queueing …")


def _read_threads(typed: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, typed.replace(",", " ").split()))
    except ValueError:
        raise InvalidInput(f"{typed!r} is not a number of threads: type numbers, such as 1 4") from None


def _read_budget(typed: str) -> float | None:
    try:
        return parse_duration(typed) if typed else None
    except ValueError as error:
        raise InvalidInput(f"budget: {error}") from None
