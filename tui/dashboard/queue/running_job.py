"""A job that runs: its title, a live bar with its stage, how long it will take, and what it takes of the machine."""

from collections import deque
from collections.abc import Callable, Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import ProgressBar

from core.clock import format_duration
from core.records.jobs import Job
from core.store.durations import Estimate
from tui.dashboard.common.plain_text import PlainText
from tui.text.format import elapsed, job_title, sparkline, time_left

_LATELY = 12
_WIDE = 100


class RunningJob(Vertical):
    """Two lines. Only they are drawn again when the job gets on, not the table below.

    Where there is room, what it took of the machine lately stands there as a row of bars, beside what it takes now.
    """

    def __init__(self, job: Job, expected: Estimate | None, orphaned: bool, clock: Callable[[], str]) -> None:
        super().__init__(id=f"running-{job.id}")
        self._clock = clock
        self._title = PlainText(job_title(job), classes="title")
        self._bar = ProgressBar(total=1.0, show_eta=False, show_percentage=True)
        self._left, self._stage, self._usage = (PlainText(classes=name) for name in ("left", "stage", "usage"))
        self._cpu, self._memory = (deque[float](maxlen=_LATELY) for _ in range(2))
        self._heard: str | None = None
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
        self._left.show("" if orphaned else _left(job, expected, self._clock()))
        self._usage.show("" if orphaned else self._use(job))

    def _use(self, job: Job) -> str:
        if job.cpu_percent is None or job.rss_mb is None:
            return ""
        if job.heartbeat_at != self._heard:
            self._heard = job.heartbeat_at
            self._cpu.append(job.cpu_percent)
            self._memory.append(job.rss_mb)
        lately = [f"{bars(values)} " if self.app.size.width >= _WIDE else "" for values in (self._cpu, self._memory)]
        return f"{lately[0]}{job.cpu_percent:.0f} % CPU, {lately[1]}{job.rss_mb:.0f} MB"


def bars(values: Iterable[float]) -> str:
    """From nothing to the highest of them, so that what stays as it is does not look like ups and downs."""
    return sparkline([0.0, *values])[1:].rjust(_LATELY)


def _stage(job: Job) -> str:
    attempt = f"attempt {job.attempt}, " if job.attempt > 1 else ""
    return "asked to end" if job.cancel_asked else attempt + (job.stage or "starting")


def _left(job: Job, expected: Estimate | None, at: str) -> str:
    return time_left(job, expected, at) if expected else f"{format_duration(elapsed(job, at))} so far"
