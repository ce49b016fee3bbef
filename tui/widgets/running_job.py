"""A job that runs: its title, a live bar with its stage, how long it will take, and what it takes of the machine."""

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import ProgressBar

from core.clock import span
from core.store.estimate import Estimate
from core.store.jobs import Job
from tui.formats import elapsed, job_title, time_left
from tui.widgets.plain_text import PlainText


class RunningJob(Vertical):
    """Two lines. Only they are drawn again when the job gets on, not the table below."""

    def __init__(self, job: Job, expected: Estimate | None, orphaned: bool) -> None:
        super().__init__(id=f"running-{job.id}")
        self._title = PlainText(job_title(job), classes="title")
        self._bar = ProgressBar(total=1.0, show_eta=False, show_percentage=True)
        self._left, self._stage, self._usage = (PlainText(classes=name) for name in ("left", "stage", "usage"))
        self.show(job, expected, orphaned)

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self._title
            yield self._left
        with Horizontal():
            yield self._bar
            yield self._stage
            yield self._usage

    def show(self, job: Job, expected: Estimate | None, orphaned: bool) -> None:
        # Without a share the bar would pulse, which costs a slow line what it is meant to save.
        self._bar.update(progress=job.progress or 0.0)
        self._stage.show("its worker died: press w" if orphaned else _stage(job))
        self._left.show("" if orphaned else _left(job, expected))
        self._usage.show("" if orphaned else _usage(job))


def _stage(job: Job) -> str:
    attempt = f"attempt {job.attempt}, " if job.attempt > 1 else ""
    return "asked to end" if job.cancel_asked else attempt + (job.stage or "starting")


def _left(job: Job, expected: Estimate | None) -> str:
    return time_left(job, expected) if expected else f"{span(elapsed(job))} so far"


def _usage(job: Job) -> str:
    if job.cpu_percent is None or job.rss_mb is None:
        return ""
    return f"{job.cpu_percent:.0f} % CPU, {job.rss_mb:.0f} MB"
