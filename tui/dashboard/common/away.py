"""Greets who comes back with what happened meanwhile."""

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
from tui.dashboard.common.scrolled_text import Scrolled
from tui.text.format import counted, job_duration, job_title, moment

_SECTIONS = (JobState.FAILED, JobState.SUCCEEDED, JobState.CANCELLED)
# Of each; more than anyone reads here.
_MOST = 50
# What the dialog has room for.
_WIDTH = 68


class AwayScreen(ModalScreen[None]):
    """What failed stands first, with its reason."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "dismiss", "Go on")]

    def __init__(self, away: Activity) -> None:
        super().__init__()
        self._away = away

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield PlainText(f"While you were away, since {moment(self._away.since)}", classes="title")
            yield PlainText(_summary(self._away))
            with Scrolled(classes="told"):
                yield PlainText("\n".join(_lines(self._away)))
            yield PlainText("enter go on   j k scroll", classes="hint")


def _summary(away: Activity) -> str:
    ended = [f"{away.counts[state]} {state}" for state in _SECTIONS if state in away.counts]
    hooks = [f"{counted(len(away.hook_failures), 'hook')} failed"] if away.hook_failures else []
    return f"{', '.join([*ended, *hooks])}\nnow {away.running or 'none'} running, {away.waiting or 'none'} waiting"


def _lines(away: Activity) -> Iterator[str]:
    for state in _SECTIONS:
        if state in away.counts:
            yield from ("", state.capitalize())
        for job in away.in_state(state)[:_MOST]:
            yield from _about(job)
        if away.counts.get(state, 0) > _MOST:
            yield f"  and {away.counts[state] - _MOST} more"
    if away.hook_failures:
        yield from ("", "Hooks that failed")
    for job_id, failure in away.hook_failures[:_MOST]:
        yield _indented(2, f"job {job_id}: {failure}")


def _about(job: Job) -> Iterator[str]:
    yield _indented(2, job_title(job) + (f", took {job_duration(job)}" if job.state == JobState.SUCCEEDED else ""))
    if job.error:
        yield _indented(4, job.error)


def _indented(by: int, text: str) -> str:
    space = " " * by
    return textwrap.fill(
        escape_control(text), _WIDTH, initial_indent=space, subsequent_indent=space, break_on_hyphens=False
    )
