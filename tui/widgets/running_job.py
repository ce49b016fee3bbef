"""A job that runs: its title, a live bar, stage and remaining time."""

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import ProgressBar, Static

from core.clock import seconds_between
from core.store.jobs import Job
from tui.formats import job_title, span

# Before this share of the work is done the rest cannot be told from it.
_EARLIEST_ETA = 0.05


class RunningJob(Vertical):
    """Two lines. Only they are drawn again when the job gets on, not the table below."""

    def __init__(self, job: Job, orphaned: bool) -> None:
        super().__init__(id=f"running-{job.id}")
        self._job, self._orphaned = job, orphaned

    def compose(self) -> ComposeResult:
        yield Static(job_title(self._job), classes="title", markup=False)
        with Horizontal():
            yield ProgressBar(total=1.0, show_eta=False, show_percentage=True)
            yield Static("", classes="stage", markup=False)

    def on_mount(self) -> None:
        self._draw()

    def show(self, job: Job, orphaned: bool) -> None:
        self._job, self._orphaned = job, orphaned
        # Until it is mounted it has no parts to draw; then it draws the latest.
        if self.is_mounted:
            self._draw()

    def _draw(self) -> None:
        # Without a share the bar would pulse, which costs a slow line what it is meant to save.
        self.query_one(ProgressBar).update(progress=self._job.progress or 0.0)
        self.query_one(".stage", Static).update("its worker died: press w" if self._orphaned else _stage(self._job))


def _stage(job: Job) -> str:
    left = _seconds_left(job)
    parts = [
        f"about {span(left)} left" if left is not None else None,
        job.stage or "starting",
        f"attempt {job.attempt}" if job.attempt > 1 else None,
    ]
    return ", ".join(part for part in parts if part)


def _seconds_left(job: Job) -> float | None:
    """The remaining time, as of the last sign of life, if the rest goes on as the work so far did."""
    if job.progress is None or job.progress < _EARLIEST_ETA or job.started_at is None or job.heartbeat_at is None:
        return None
    return seconds_between(job.started_at, job.heartbeat_at) * (1 - job.progress) / job.progress
