"""Asks what a job that waits is to be instead."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from core.clock import format_timestamp, parse_duration, parse_time, parse_timestamp
from core.errors import InvalidInput
from core.records.job_states import JobKind
from core.records.jobs import Job
from core.variants.recipes import read_params
from jobs.edit import JobEdit
from tui.dashboard.common.plain_text import PlainText
from tui.text.format import job_title

_MOST_PRIORITY = 1000


@dataclass(frozen=True)
class Field:
    """One line of the dialog."""

    name: str
    label: str
    value: str
    """As it is now."""
    hint: str
    change: Callable[[JobEdit, str], JobEdit]
    """Takes what was typed into a wording. Raises BadInput and ValueError."""


class EditJobScreen(ModalScreen[JobEdit | None]):
    """Ends with what is to be another than before, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("enter", "save", "Save", priority=True),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job, self._fields = job, fields_of(job)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield PlainText(f"Edit {job_title(self._job)}", classes="title")
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield PlainText(field.label, classes="label")
                    yield Input(field.value, placeholder=field.hint, id=field.name, compact=True)
            yield PlainText(id="problem")
            yield PlainText("enter save   ↑ ↓ next field   esc back", classes="hint")

    def action_save(self) -> None:
        try:
            typed = {field.name: self.query_one(f"#{field.name}", Input).value for field in self._fields}
            wording = read_changes(self._fields, typed)
        except (InvalidInput, ValueError) as error:
            self.query_one("#problem", PlainText).show(str(error))
        else:
            self.dismiss(wording)


def fields_of(job: Job) -> list[Field]:
    """What can be changed of it."""
    later = f"{parse_timestamp(job.not_before).astimezone():%Y-%m-%d %H:%M}" if job.not_before else ""
    fields = [
        Field("priority", "priority", str(job.priority), "higher first", _with_priority),
        Field("not_before", "not before", later, "02:00, or in 2h; empty: at once", _with_start),
        Field("after", "after jobs", " ".join(map(str, job.after)), "ids; empty: after none", _with_after),
    ]
    if job.kind == JobKind.BENCHMARK:
        variants, threads = (" ".join(map(str, job.params[name])) for name in ("variants", "threads"))
        fields.append(Field("variants", "variants", variants, "names", _with_variants))
        fields.append(Field("threads", "threads", threads, "empty: 1 and all cores", _with_threads))
    elif job.params.get("params") is not None:
        params = " ".join(f"{name}={value}" for name, value in job.params["params"].items())
        fields.append(Field("params", "parameters", params, "name=value", _with_params))
    return fields


def read_changes(fields: list[Field], typed: dict[str, str]) -> JobEdit | None:
    """What is another than before, None when nothing is. Raises BadInput and ValueError for what cannot be."""
    changed = [field for field in fields if typed[field.name].strip() != field.value]
    wording = JobEdit()
    for field in changed:
        wording = field.change(wording, typed[field.name])
    return wording if changed else None


def _with_priority(wording: JobEdit, typed: str) -> JobEdit:
    try:
        number = int(typed.strip() or 0)
    except ValueError:
        raise ValueError(f"{typed.strip()!r} is no number: give a priority") from None
    if abs(number) > _MOST_PRIORITY:
        raise ValueError(f"{number} cannot be a priority: give -{_MOST_PRIORITY} to {_MOST_PRIORITY}")
    return replace(wording, priority=number)


def _with_start(wording: JobEdit, typed: str) -> JobEdit:
    """Take a time, or how long to wait; nothing means at once."""
    text = typed.strip()
    if not text:
        return replace(wording, clear_not_before=True)
    if text.startswith("in "):
        return replace(
            wording, not_before=format_timestamp(datetime.now(UTC) + timedelta(seconds=parse_duration(text[3:])))
        )
    return replace(wording, not_before=format_timestamp(parse_time(text)))


def _with_after(wording: JobEdit, typed: str) -> JobEdit:
    return replace(wording, after=_numbers(typed, "a job's id"))


def _with_variants(wording: JobEdit, typed: str) -> JobEdit:
    return replace(wording, variants=tuple(typed.split()))


def _with_threads(wording: JobEdit, typed: str) -> JobEdit:
    return replace(wording, threads=_numbers(typed, "a number of threads"))


def _with_params(wording: JobEdit, typed: str) -> JobEdit:
    return replace(wording, params=read_params(typed.split()))


def _numbers(typed: str, what: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, typed.replace(",", " ").split()))
    except ValueError:
        raise ValueError(f"{typed.strip()!r} is no number: give {what}") from None
