"""The tab of jobs: the running ones live, all of them in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from core.records.job_states import UNSUCCESSFUL, JobState
from core.records.jobs import Job
from jobs.queue_state import QueueState, waiting_reason
from tui.dashboard.actions import perform
from tui.dashboard.common.confirm import confirm
from tui.dashboard.common.pane import TablePane
from tui.dashboard.common.table import KeyedTable
from tui.dashboard.queue.details import describe_job
from tui.dashboard.queue.running_job import RunningJob
from tui.dashboard.snapshot import Snapshot
from tui.text.format import id_list, job_duration, job_note, shortened

if TYPE_CHECKING:
    from jobs.edit import JobEdit

# Beside the columns: the frame of the table, its scroll bar, and a space in front of the note.
_FRAME = 5
_SHORTEST_NOTE = 12


class QueuePane(TablePane):
    """Those that run, those that wait in their order, those that have ended."""

    HEADERS = (">id", "job", "voice", "state", "note")
    TABLE_ID = "jobs-table"
    MARKS = True
    EMPTY = "Nothing queued yet.\n\nGo to the voices (1), choose one and press o."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "log", "Log", id="queue.log"),
        Binding("c", "cancel", "Cancel", id="queue.cancel"),
        Binding("C", "cancel_all", "Cancel all that wait or run", show=False, id="queue.cancel_all"),
        Binding("r", "retry", "Retry", id="queue.retry"),
        Binding("R", "retry_failed", "Retry all that failed", show=False, id="queue.retry_failed"),
        Binding("e", "edit", "Edit", id="queue.edit"),
        Binding("p", "pause", "Pause / resume", id="queue.pause"),
        Binding("K", "move(-1)", "Start one place earlier", show=False, id="queue.earlier"),
        Binding("J", "move(1)", "Start one place later", show=False, id="queue.later"),
        Binding("plus", "prefer(1)", "Raise the priority", show=False, id="queue.raise"),
        Binding("minus", "prefer(-1)", "Lower the priority", show=False, id="queue.lower"),
    ]

    def above_table(self) -> ComposeResult:
        yield Vertical(id="running")

    @property
    def job(self) -> Job | None:
        """The job in focus."""
        key = self.table.focused_key
        jobs = self.snapshot.jobs if self.snapshot else []
        return next((job for job in jobs if str(job.id) == key), None)

    @property
    def chosen(self) -> list[Job]:
        """The marked jobs, without any the one in focus."""
        keys = self.table.marked or [str(self.table.focused_key)]
        return [job for job in (self.snapshot.jobs if self.snapshot else []) if str(job.id) in keys]

    @on(KeyedTable.Marked)
    def _tell_marked(self) -> None:
        marked = len(self.table.marked)
        self.table.border_title = f"{marked} marked: esc takes the marks away" if marked else ""

    def show(self, snapshot: Snapshot) -> None:
        super().show(snapshot)
        hidden = snapshot.counts.get(JobState.QUEUED, 0) - sum(job.state == JobState.QUEUED for job in snapshot.jobs)
        told = f"{hidden} more wait behind those shown" if hidden > 0 else ""
        # Told anew the same would draw the whole table again.
        if told != (self.table.border_subtitle or ""):
            self.table.border_subtitle = told
        self._show_running(snapshot)

    def on_resize(self) -> None:
        """The notes have another width."""
        if self.snapshot:
            self.show(self.snapshot)

    def _show_running(self, snapshot: Snapshot) -> None:
        area = self.query_one("#running", Vertical)
        shown = {str(widget.id): widget for widget in area.query(RunningJob)}
        for job in snapshot.running:
            expected, orphaned = snapshot.estimates.get(job.id), snapshot.worker is None
            widget = shown.pop(f"running-{job.id}", None)
            if widget is None:
                area.mount(RunningJob(job, expected, orphaned, self.context.environment.clock))
            else:
                widget.show(job, expected, orphaned)
        for gone in shown.values():
            gone.remove()

    def rows(self, snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
        rows = [_row(job, snapshot.queue, max(80, self.size.width)) for job in snapshot.jobs]
        others = zip(*([header.lstrip(">") for header in self.HEADERS], *rows), strict=True)
        width = sum(max(map(len, column)) + 1 for column in list(others)[:-1])
        room = max(_SHORTEST_NOTE, self.size.width - _FRAME - width)
        return [(row[0], (*row[:-1], shortened(row[-1], room))) for row in rows]

    def detail(self, snapshot: Snapshot, key: str) -> str:
        job = self.job
        if job is None:
            return ""
        return describe_job(job, _note(job, snapshot.queue), snapshot.setbacks.get(job.id, ()))

    @on(KeyedTable.RowSelected)
    def action_log(self) -> None:
        from tui.dashboard.queue.log import LogScreen

        if self.job:
            self.app.push_screen(LogScreen(self.job, self.workspace.job_log(self.job.id)))

    def action_cancel(self) -> None:
        chosen = self.chosen
        if not chosen or self.snapshot is None:
            return
        jobs = [job for job in chosen if not job.ended]
        ids = [job.id for job in jobs]
        if not ids:
            self.notify(f"Job {id_list([job.id for job in chosen])} has ended: nothing to cancel.", severity="warning")
            return
        if len(jobs) > 1:
            what, them = f"{len(ids)} jobs ({id_list(ids)})", "them"
        else:
            what, them = f"job {jobs[0].id} ({jobs[0].kind}, {jobs[0].state})", "it"
        question = f"Cancel {what}?"
        if any(job.id not in ids and set(ids).intersection(job.waits_for) for job in self.snapshot.jobs):
            question += f" What waits for {them} is cancelled, too."
        confirm(self, question, lambda: perform(self, self.actions.cancel_jobs, ids))

    def action_cancel_all(self) -> None:
        counts = self.snapshot.counts if self.snapshot else {}
        running, waiting = counts.get(JobState.RUNNING, 0), counts.get(JobState.QUEUED, 0)
        if not running + waiting:
            self.notify("No job runs or waits: nothing to cancel.", severity="warning")
            return
        question = f"Cancel all jobs? {running or 'None'} running, {waiting or 'none'} waiting."
        confirm(self, question, lambda: perform(self, self.actions.cancel_all_jobs))

    def action_retry(self) -> None:
        """Of the chosen ones those that can be; of none of them the reason is told."""
        again = [job.id for job in self.chosen if job.state in UNSUCCESSFUL]
        if self.chosen:
            perform(self, self.actions.retry_jobs, again or [job.id for job in self.chosen])

    def action_retry_failed(self) -> None:
        perform(self, self.actions.retry_failed_jobs)

    def action_edit(self) -> None:
        from tui.dashboard.queue.edit_job import EditJobScreen

        job = self.job
        if job is None:
            return
        if job.state != JobState.QUEUED:
            self.notify(f"Job {job.id} is {job.state}: only one that waits can be edited.", severity="warning")
            return

        def save(wording: JobEdit | None) -> None:
            if wording:
                perform(self, self.actions.edit, job, wording)

        self.app.push_screen(EditJobScreen(job), save)

    def action_pause(self) -> None:
        if self.snapshot:
            paused = self.snapshot.queue.paused
            perform(self, self.actions.resume_queue if paused else self.actions.pause_queue)

    def action_move(self, step: int) -> None:
        if self.job:
            perform(self, self.actions.move_job, self.job, step)

    def action_prefer(self, step: int) -> None:
        if self.chosen:
            perform(self, self.actions.change_priority, [job.id for job in self.chosen], step)


def _row(job: Job, queue: QueueState, width: int) -> tuple[str, ...]:
    """With the whole note, which gets what the others leave."""
    what = f"{job.kind} {job.variant}" if job.variant else job.kind
    note = _note(job, queue) or _aside(job)
    return (str(job.id), shortened(what, width * 23 // 80), shortened(job.voice, width * 17 // 80), job.state, note)


def _note(job: Job, queue: QueueState) -> str:
    """Why it waits, or how it went wrong. What a running one does is told above the table, which would be drawn anew."""
    return "" if job.state == JobState.RUNNING else job_note(job, waiting_reason(job, queue))


def _aside(job: Job) -> str:
    if job.state == JobState.RUNNING:
        return "asked to end" if job.cancel_asked else ""
    return f"took {job_duration(job)}" if job.state == JobState.SUCCEEDED else ""
