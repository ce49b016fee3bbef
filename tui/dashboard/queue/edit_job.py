"""The dialog that edits a queued job."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from core.clock import format_timestamp, parse_duration, parse_time, parse_timestamp
from core.errors import InvalidInput
from core.records.job_states import JobKind
from core.records.jobs import Job
from core.variants.recipes import read_params
from jobs.edit import JobEdit
from tui.dashboard.common.dialogs import ActionScreen
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.messages import Outcome
from tui.text.format import job_title

_MAX_PRIORITY = 1000


@dataclass(frozen=True)
class Field:
    """An input of the dialog."""

    name: str
    label: str
    value: str
    """The current value."""
    hint: str
    change: Callable[[JobEdit, str], JobEdit]
    """Adds what was typed to the changes. Raises InvalidInput and ValueError."""


class EditJobScreen(ActionScreen):
    """A dialog that edits a job."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("enter", "save", "Save", priority=True),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, job: Job, save: Callable[[JobEdit], Outcome]) -> None:
        super().__init__()
        self._job, self._fields, self._save = job, editable_fields(job), save

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        with Vertical(classes="dialog"):
            yield PlainText(f"Edit {job_title(self._job)}", classes="title")
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield PlainText(field.label, classes="label")
                    yield Input(field.value, placeholder=field.hint, id=field.name, compact=True)
            yield PlainText(id="problem")
            yield PlainText("Enter save   ↑ ↓ next field   Esc back", classes="hint")

    def action_save(self) -> None:
        """Save the changes, or show what is invalid."""
        try:
            typed = {field.name: self.query_one(f"#{field.name}", Input).value for field in self._fields}
            changes = read_edit(self._fields, typed)
        except (InvalidInput, ValueError) as error:
            self.show_problem(str(error))
            return
        if changes:
            self.carry_out(lambda: self._save(changes), "saving …")
        else:
            self.dismiss(None)


def editable_fields(job: Job) -> list[Field]:
    """Return the fields of a job that can be edited."""
    start = f"{parse_timestamp(job.not_before).astimezone():%Y-%m-%d %H:%M}" if job.not_before else ""
    fields = [
        Field("priority", "priority", str(job.priority), "higher first", _with_priority),
        Field("not_before", "not before", start, "02:00 or in 2h; empty: now", _with_start),
        Field("after", "after jobs", " ".join(map(str, job.after)), "job ids; empty: none", _with_after),
    ]
    if job.kind == JobKind.BENCHMARK:
        variants, threads = (" ".join(map(str, job.params[name])) for name in ("variants", "threads"))
        fields.append(Field("variants", "variants", variants, "names", _with_variants))
        fields.append(Field("threads", "threads", threads, "empty: 1 and all cores", _with_threads))
    elif job.params.get("params") is not None:
        params = " ".join(f"{name}={value}" for name, value in job.params["params"].items())
        fields.append(Field("params", "parameters", params, "name=value", _with_params))
    return fields


def read_edit(fields: list[Field], typed: dict[str, str]) -> JobEdit | None:
    """Return the changes, or None if there are none. Raises InvalidInput and ValueError for an invalid value."""
    changed = [field for field in fields if typed[field.name].strip() != field.value]
    changes = JobEdit()
    for field in changed:
        changes = field.change(changes, typed[field.name])
    return changes if changed else None


def _with_priority(changes: JobEdit, typed: str) -> JobEdit:
    try:
        number = int(typed.strip() or 0)
    except ValueError:
        raise ValueError(f"{typed.strip()!r} is not a priority: type a number") from None
    if abs(number) > _MAX_PRIORITY:
        raise ValueError(f"priority {number} is out of range (-{_MAX_PRIORITY} to {_MAX_PRIORITY})")
    return replace(changes, priority=number)


def _with_start(changes: JobEdit, typed: str) -> JobEdit:
    """Add a start time, given as a time or as a delay; nothing means now."""
    text = typed.strip()
    if not text:
        return replace(changes, clear_not_before=True)
    if text.startswith("in "):
        return replace(
            changes, not_before=format_timestamp(datetime.now(UTC) + timedelta(seconds=parse_duration(text[3:])))
        )
    return replace(changes, not_before=format_timestamp(parse_time(text)))


def _with_after(changes: JobEdit, typed: str) -> JobEdit:
    return replace(changes, after=_numbers(typed, "a job id"))


def _with_variants(changes: JobEdit, typed: str) -> JobEdit:
    return replace(changes, variants=tuple(typed.split()))


def _with_threads(changes: JobEdit, typed: str) -> JobEdit:
    return replace(changes, threads=_numbers(typed, "a number of threads"))


def _with_params(changes: JobEdit, typed: str) -> JobEdit:
    return replace(changes, params=read_params(typed.split()))


def _numbers(typed: str, kind: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, typed.replace(",", " ").split()))
    except ValueError:
        raise ValueError(f"{typed.strip()!r} is not {kind}") from None
