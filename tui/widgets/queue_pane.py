"""The tab of jobs: the running ones live, all of them in a table."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from core.store.jobs import Job, waiting_reason
from tui.formats import job_note, parameters, shortened, took, when
from tui.messages import CancelWanted, LogWanted, RetryWanted
from tui.snapshot import Snapshot
from tui.widgets.pane import TablePane
from tui.widgets.running_job import RunningJob
from tui.widgets.table import KeyedTable


class QueuePane(TablePane):
    """Jobs, the newest first."""

    HEADERS = (">id", "kind", "voice", "variant", "state", "queued", ">took")
    TABLE_ID = "jobs-table"
    EMPTY = "Nothing queued yet.\n\nGo to the voices (1), choose one and press o."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "log", "Log"),
        Binding("c", "cancel", "Cancel"),
        Binding("r", "retry", "Retry"),
    ]

    def above_table(self) -> ComposeResult:
        yield Vertical(id="running")

    @property
    def job(self) -> Job | None:
        """The job in focus."""
        key = self.table.focused_key
        jobs = self.snapshot.jobs if self.snapshot else []
        return next((job for job in jobs if str(job.id) == key), None)

    def show(self, snapshot: Snapshot) -> None:
        super().show(snapshot)
        self._show_running(snapshot.running, orphaned=snapshot.worker is None)

    def _show_running(self, running: list[Job], orphaned: bool) -> None:
        area = self.query_one("#running", Vertical)
        shown = {str(widget.id): widget for widget in area.query(RunningJob)}
        for job in reversed(running):
            widget = shown.pop(f"running-{job.id}", None)
            if widget is None:
                area.mount(RunningJob(job, orphaned))
            else:
                widget.show(job, orphaned)
        for gone in shown.values():
            gone.remove()

    def rows(self, snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
        return [
            (
                str(job.id),
                (
                    str(job.id),
                    job.kind,
                    shortened(job.voice, 20),
                    shortened(job.variant, 20) if job.variant else "–",
                    job.state,
                    when(job.created_at),
                    took(job),
                ),
            )
            for job in snapshot.jobs
        ]

    def detail(self, snapshot: Snapshot, key: str) -> str:
        job = self.job
        if job is None:
            return ""
        attempts = f", attempt {job.attempt}" if job.attempt > 1 else ""
        note = job_note(job, waiting_reason(job, snapshot.jobs)) if job.state != "running" else ""
        return "\n".join(filter(None, [f"job {job.id}: {job.state}{attempts}", note, parameters(job.params)]))

    @on(KeyedTable.RowSelected)
    def action_log(self) -> None:
        if self.job:
            self.post_message(LogWanted(self.job))

    def action_cancel(self) -> None:
        if self.job:
            self.post_message(CancelWanted(self.job))

    def action_retry(self) -> None:
        if self.job:
            self.post_message(RetryWanted(self.job))
