"""The Queue tab."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from core.records.job_states import RESUMABLE, UNSUCCESSFUL, JobState
from core.records.jobs import Job
from jobs.queue_state import QueueState, waiting_reason
from tui.dashboard.actions import perform
from tui.dashboard.common.confirm import Question, confirm
from tui.dashboard.common.pane import TablePane
from tui.dashboard.common.table import KeyedTable
from tui.dashboard.queue.details import describe_job
from tui.dashboard.queue.running_job import RunningJob
from tui.dashboard.snapshot import Snapshot
from tui.text.format import PAUSING, id_list, job_duration, job_note, job_title, shortened

# The width that no column gets: the frame, the scroll bar, and the space before the note.
_FRAME = 5
_MIN_NOTE = 12


class QueuePane(TablePane):
    """Running jobs, live, above a table of all jobs: running, queued in queue order, ended."""

    HEADERS = (">id", "job", "voice", "state", "note")
    TABLE_ID = "jobs-table"
    MARKS = True
    EMPTY = "The queue is empty.\n\nGo to Voices (1), choose a voice and press o."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "log", "Log", id="queue.log"),
        Binding("c", "cancel", "Cancel", id="queue.cancel"),
        Binding("C", "cancel_all", "Cancel all", show=False, id="queue.cancel_all"),
        Binding("r", "retry", "Retry", id="queue.retry"),
        Binding("R", "retry_failed", "Retry all failed", show=False, id="queue.retry_failed"),
        Binding("z", "pause_jobs", "Pause job", id="queue.pause_job"),
        Binding("p", "pause", "Pause all", id="queue.pause"),
        Binding("e", "edit", "Edit", show=False, id="queue.edit"),
        Binding("K", "move(-1)", "Move up", show=False, id="queue.move_up"),
        Binding("J", "move(1)", "Move down", show=False, id="queue.move_down"),
        Binding("plus", "change_priority(1)", "Raise priority", show=False, id="queue.raise"),
        Binding("minus", "change_priority(-1)", "Lower priority", show=False, id="queue.lower"),
    ]

    def above_table(self) -> ComposeResult:
        """Yield the area of the running jobs."""
        yield Vertical(id="running")

    @property
    def job(self) -> Job | None:
        """Return the focused job."""
        key = self.table.focused_key
        jobs = self.snapshot.jobs if self.snapshot else []
        return next((job for job in jobs if str(job.id) == key), None)

    @property
    def chosen(self) -> list[Job]:
        """Return the marked jobs or, if there are none, the focused one."""
        keys = self.table.marked or [str(self.table.focused_key)]
        return [job for job in (self.snapshot.jobs if self.snapshot else []) if str(job.id) in keys]

    @on(KeyedTable.Marked)
    def _show_marks(self) -> None:
        marked = len(self.table.marked)
        self.table.border_title = f"{marked} marked (Esc clears)" if marked else ""

    def show(self, snapshot: Snapshot) -> None:
        """Show the jobs of a snapshot."""
        super().show(snapshot)
        hidden = snapshot.counts.get(JobState.QUEUED, 0) - sum(job.state == JobState.QUEUED for job in snapshot.jobs)
        subtitle = f"{hidden} more queued" if hidden > 0 else ""
        # Setting it redraws the whole table.
        if subtitle != (self.table.border_subtitle or ""):
            self.table.border_subtitle = subtitle
        self._show_running(snapshot)

    def on_resize(self) -> None:
        """Fit the notes to the new width."""
        if self.snapshot:
            self.show(self.snapshot)

    def _show_running(self, snapshot: Snapshot) -> None:
        area = self.query_one("#running", Vertical)
        shown = {str(widget.id): widget for widget in area.query(RunningJob)}
        for job in snapshot.running:
            expected = snapshot.estimates.get(job.id)
            widget = shown.pop(f"running-{job.id}", None)
            if widget is None:
                area.mount(RunningJob(job, expected, self.context.environment.clock))
            else:
                widget.show(job, expected)
        for ended in shown.values():
            ended.remove()

    def rows(self, snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
        """Return a row for each job; the note gets the width that is left."""
        rows = [_row(job, snapshot.queue, max(80, self.size.width)) for job in snapshot.jobs]
        columns = zip(*([header.lstrip(">") for header in self.HEADERS], *rows), strict=True)
        width = sum(max(map(len, column)) + 1 for column in list(columns)[:-1])
        note_width = max(_MIN_NOTE, self.size.width - _FRAME - width)
        return [(row[0], (*row[:-1], shortened(row[-1], note_width))) for row in rows]

    def detail(self, snapshot: Snapshot, key: str) -> str:
        """Return the details of a job."""
        job = self.job
        if job is None:
            return ""
        return describe_job(job, _note(job, snapshot.queue), snapshot.failed_attempts.get(job.id, ()))

    def details_title(self, key: str) -> str:
        """Return the title above the details of a job."""
        return f"Details of {job_title(self.job)}" if self.job else super().details_title(key)

    def action_log(self) -> None:
        """Open the log of the focused job."""
        from tui.dashboard.queue.log import LogScreen

        if self.job:
            self.app.push_screen(LogScreen(self.job, self.workspace.job_log(self.job.id)))

    def action_cancel(self) -> None:
        """Ask whether to cancel the chosen jobs."""
        chosen = self.chosen
        if not chosen or self.snapshot is None:
            return
        open_jobs = self._open_jobs()
        if not open_jobs:
            return
        ids = [job.id for job in open_jobs]
        if len(ids) > 1:
            question = f"Cancel {len(ids)} jobs ({id_list(ids)})?"
        else:
            question = f"Cancel job {ids[0]} ({open_jobs[0].kind}, {open_jobs[0].shown_state})?"
        dependents = _dependents(self.snapshot.jobs, ids)
        if dependents:
            verb, object_ = "depends" if len(dependents) == 1 else "depend", "it" if len(ids) == 1 else "them"
            question += f" {_jobs(dependents)} {verb} on {object_} and will be cancelled, too."
        confirm(self, Question(question, partial(self.actions.cancel_jobs, ids)))

    def _open_jobs(self) -> list[Job]:
        """Return the chosen jobs that have not ended; if all have, notify the user."""
        chosen = self.chosen
        open_jobs = [job for job in chosen if not job.ended]
        if chosen and not open_jobs:
            self.notify(f"{_jobs([job.id for job in chosen])} already ended.", severity="warning")
        return open_jobs

    def action_cancel_all(self) -> None:
        """Ask whether to cancel all jobs."""
        counts = self.snapshot.counts if self.snapshot else {}
        running, queued = counts.get(JobState.RUNNING, 0), counts.get(JobState.QUEUED, 0)
        paused = len(self.snapshot.queue.paused_jobs) if self.snapshot else 0
        if not running + queued:
            self.notify("No running or queued jobs to cancel.", severity="warning")
            return
        also = f", {paused} paused" if paused else ""
        question = f"Cancel all jobs ({running} running, {queued - paused} queued{also})?"
        confirm(self, Question(question, self.actions.cancel_all_jobs))

    def action_retry(self) -> None:
        """Retry the chosen jobs that can be retried; if none can, the action reports why."""
        retryable = [job.id for job in self.chosen if job.state in UNSUCCESSFUL]
        if self.chosen:
            perform(self, self.actions.retry_jobs, retryable or [job.id for job in self.chosen])

    def action_retry_failed(self) -> None:
        """Retry all failed jobs."""
        perform(self, self.actions.retry_failed_jobs)

    def action_edit(self) -> None:
        """Open the dialog that edits the focused job."""
        from tui.dashboard.queue.edit_job import EditJobScreen

        job = self.job
        if job is None:
            return
        if job.state != JobState.QUEUED:
            self.notify(f"Job {job.id} is {job.state}: only queued jobs can be edited.", severity="warning")
            return

        self.app.push_screen(EditJobScreen(job, partial(self.actions.edit, job)), self.report)

    def action_pause(self) -> None:
        """Pause or resume the queue."""
        if self.snapshot:
            paused = self.snapshot.queue.paused
            perform(self, self.actions.resume_queue if paused else self.actions.pause_queue)

    def action_pause_jobs(self) -> None:
        """Pause those of the chosen jobs that can be paused, or resume them if all of those are paused.

        If none can be paused, the action reports why.
        """
        jobs = self._open_jobs()
        possible = [job for job in jobs if job.state == JobState.QUEUED or job.kind in RESUMABLE] or jobs
        not_paused = [job.id for job in possible if job.paused_at is None]
        if not_paused:
            perform(self, self.actions.pause_jobs, not_paused)
        elif possible:
            perform(self, self.actions.resume_jobs, [job.id for job in possible])

    def action_move(self, step: int) -> None:
        """Move the focused job by one position."""
        if self.job:
            perform(self, self.actions.move_job, self.job, step)

    def action_change_priority(self, step: int) -> None:
        """Change the priority of the chosen jobs."""
        if self.chosen:
            perform(self, self.actions.change_priority, [job.id for job in self.chosen], step)


def _jobs(ids: Sequence[int]) -> str:
    return f"{'Job' if len(ids) == 1 else 'Jobs'} {id_list(ids)}"


def _dependents(jobs: Sequence[Job], ids: Sequence[int]) -> list[int]:
    """Return the jobs that wait, directly or not, for some of these."""
    found = set(ids)
    while more := [job.id for job in jobs if job.id not in found and found.intersection(job.waits_for)]:
        found.update(more)
    return sorted(found.difference(ids))


def _row(job: Job, queue: QueueState, width: int) -> tuple[str, ...]:
    """Return the cells of a job, with the whole note."""
    what = f"{job.kind} {job.variant}" if job.variant else job.kind
    note = _note(job, queue) or _remark(job)
    return (
        str(job.id),
        shortened(what, width * 23 // 80),
        shortened(job.voice, width * 17 // 80),
        job.shown_state,
        note,
    )


def _note(job: Job, queue: QueueState) -> str:
    """Return why a job waits, or its error; the progress of a running one is shown above the table, to save redraws."""
    if job.state == JobState.RUNNING:
        return ""
    return job_note(job, "z resumes it" if job.paused else waiting_reason(job, queue))


def _remark(job: Job) -> str:
    if job.state == JobState.RUNNING:
        if job.cancel_asked:
            return "cancelling"
        return PAUSING if job.pausing else ""
    return f"took {job_duration(job)}" if job.state == JobState.SUCCEEDED else ""
