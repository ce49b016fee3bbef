"""A running job: its title, progress, remaining time and resource usage."""

from collections import deque
from collections.abc import Callable, Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import ProgressBar

from core.clock import format_duration
from core.records.jobs import Job
from core.store.durations import Estimate
from tui.dashboard.common.plain_text import PlainText
from tui.text.format import PAUSING, elapsed, job_title, sparkline, time_left

_HISTORY = 12
_HISTORY_MIN_WIDTH = 100


class RunningJob(Vertical):
    """Two lines, which are redrawn without the table below. A wide terminal also shows the recent usage as sparklines."""

    def __init__(self, job: Job, expected: Estimate | None, clock: Callable[[], str]) -> None:
        super().__init__(id=f"running-{job.id}")
        self._clock = clock
        self._title = PlainText(job_title(job), classes="title")
        self._bar = ProgressBar(total=1.0, show_eta=False, show_percentage=True)
        self._left, self._stage, self._usage = (PlainText(classes=name) for name in ("left", "stage", "usage"))
        self._cpu, self._memory = (deque[float](maxlen=_HISTORY) for _ in range(2))
        self._heartbeat: str | None = None
        self.show(job, expected)

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        with Horizontal():
            yield self._title
            yield self._left
        with Horizontal():
            yield self._bar
            yield self._stage
            yield self._usage

    def show(self, job: Job, expected: Estimate | None) -> None:
        """Show the current state of the job."""
        # Without a value the bar would pulse, which is costly over a slow connection.
        self._bar.update(progress=job.progress or 0.0)
        self._stage.show("interrupted · w restarts the worker" if job.interrupted else _stage(job))
        self._left.show("" if job.interrupted else _left(job, expected, self._clock()))
        self._usage.show("" if job.interrupted else self._usage_of(job))

    def _usage_of(self, job: Job) -> str:
        if job.cpu_percent is None or job.rss_mb is None:
            return ""
        if job.heartbeat_at != self._heartbeat:
            self._heartbeat = job.heartbeat_at
            self._cpu.append(job.cpu_percent)
            self._memory.append(job.rss_mb)
        cpu, memory = f"{job.cpu_percent:.0f} % CPU", f"{job.rss_mb:.0f} MB"
        if self.app.size.width < _HISTORY_MIN_WIDTH:
            return f"{cpu}, {memory}"
        return f"{_bars(self._cpu)} {cpu}, {_bars(self._memory)} {memory}"


def _bars(values: Iterable[float]) -> str:
    """Return a sparkline from zero to the maximum, so that steady values look steady."""
    return sparkline([0.0, *values])[1:].rjust(_HISTORY)


def _stage(job: Job) -> str:
    if job.cancel_asked:
        return "cancelling"
    if job.pausing:
        return PAUSING
    stage = job.stage or "starting"
    # In a narrow terminal the end is cut off.
    return f"{stage}, attempt {job.attempt}" if job.attempt > 1 else stage


def _left(job: Job, expected: Estimate | None, at: str) -> str:
    return time_left(job, expected, at) if expected else f"running for {format_duration(elapsed(job, at))}"
