"""The dialog that shows what happened since the last visit."""

import textwrap
from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from core.records.job_states import JobState
from core.records.jobs import Job
from core.store.activity import Activity
from core.text import escape_control
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.common.scrolled_text import KeyScroll
from tui.text.format import counted, job_duration, job_title, local_time

_SECTIONS = (JobState.FAILED, JobState.SUCCEEDED, JobState.CANCELLED)
# The maximum per section.
_MAX_ENTRIES = 50
# The width of the dialog's text.
_WIDTH = 68


class ActivityScreen(ModalScreen[None]):
    """The jobs that ended since the last visit; failed ones come first, with their error."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "dismiss", "Continue")]

    def __init__(self, activity: Activity) -> None:
        super().__init__()
        self._activity = activity

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        with Vertical(classes="dialog"):
            yield PlainText(f"Since your last visit ({local_time(self._activity.since)})", classes="title")
            yield PlainText(_summary(self._activity))
            with KeyScroll(classes="report"):
                yield PlainText("\n".join(_lines(self._activity)))
            yield PlainText("Enter continue   j k scroll", classes="hint")


def _summary(activity: Activity) -> str:
    parts = [f"{activity.counts[state]} {state}" for state in _SECTIONS if state in activity.counts]
    if activity.hook_failures:
        parts.append(f"{counted(len(activity.hook_failures), 'hook')} failed")
    if activity.running or activity.interrupted or activity.waiting or activity.paused:
        interrupted = f", {activity.interrupted} interrupted" if activity.interrupted else ""
        paused = f", {activity.paused} paused" if activity.paused else ""
        now = f"{activity.running} running{interrupted}, {activity.waiting} queued{paused}"
    else:
        now = "the queue is empty"
    return f"{', '.join(parts)}\nNow: {now}"


def _lines(activity: Activity) -> Iterator[str]:
    for state in _SECTIONS:
        if state in activity.counts:
            yield from ("", state.capitalize())
        for job in activity.in_state(state)[:_MAX_ENTRIES]:
            yield from _job_lines(job)
        if activity.counts.get(state, 0) > _MAX_ENTRIES:
            yield f"  and {activity.counts[state] - _MAX_ENTRIES} more"
    if activity.hook_failures:
        yield from ("", "Failed hooks")
    for job_id, failure in activity.hook_failures[:_MAX_ENTRIES]:
        yield _indented(2, f"job {job_id}: {failure}")


def _job_lines(job: Job) -> Iterator[str]:
    took_time = f", took {job_duration(job)}" if job.state == JobState.SUCCEEDED else ""
    yield _indented(2, job_title(job) + took_time)
    if job.error:
        yield _indented(4, job.error)


def _indented(by: int, text: str) -> str:
    indent = " " * by
    return textwrap.fill(
        escape_control(text), _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
