"""Shows the progress of jobs until they end: bars in a terminal, one line per stage in a pipe."""

import sqlite3
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.hardware.machine import this_machine
from core.records.job_states import JobState
from core.records.jobs import Job
from core.store.durations import estimate
from core.store.jobs import get_job, list_jobs, open_ids
from core.workspace import Workspace
from jobs.liveness import observed
from jobs.queue_state import PAUSED_REASON, QueueState, read_queue_state, waiting_reason
from jobs.worker_control import ensure_worker
from tui.cli.output import print_line, print_note
from tui.streams import is_unicode, stop_if_unread
from tui.terminal import is_screen
from tui.text.format import counted, elapsed, job_duration, job_name, job_note, job_title, short_duration, time_left

if TYPE_CHECKING:
    from rich.progress import TaskID

_POLL_INTERVAL_S = 0.25
# Of many jobs the running ones and the next few are shown; ended ones are dropped first.
_MAX_NEXT = 8
_MAX_BARS = 12
# Narrower terminals have no room for the voice.
_MIN_WIDTH_FOR_VOICE = 120
_MAX_IDS = 20


def follow(workspace: Workspace, db: sqlite3.Connection, job_ids: Sequence[int]) -> list[Job]:
    """Show progress until all jobs have ended, and return them. Starts a worker if none is running."""
    monitor = JobMonitor(workspace, db, job_ids)
    display = _Bars(db, len(job_ids)) if is_screen(sys.stderr) else _Lines()
    try:
        with display:
            while True:
                poll = monitor.poll()
                display.update(poll)
                stop_if_unread(sys.stderr)
                if not poll.open:
                    return [get_job(db, job_id) for job_id in job_ids]
                ensure_worker(workspace)
                time.sleep(_POLL_INTERVAL_S)
    except KeyboardInterrupt:
        ids = "".join(f" {job_id}" for job_id in job_ids) if len(job_ids) <= _MAX_IDS else ""
        print_note("")
        print_note(f"the jobs continue in the background; follow them with: ttsdash jobs wait{ids}")
        raise


def time_left_of(db: sqlite3.Connection, job: Job) -> str | None:
    """Return the estimated remaining time of a running job as text; None without past runs on this machine."""
    expected = estimate(db, job, this_machine().id) if job.state == JobState.RUNNING else None
    return time_left(job, expected) if expected else None


def print_failures(jobs: Sequence[Job]) -> None:
    """Print a line for each job that did not succeed, with its error."""
    for job in jobs:
        if job.state != JobState.SUCCEEDED:
            print_line(f"{job_title(job)}: {job.state}" + (f": {job.error}" if job.error else ""))


@dataclass(frozen=True)
class Poll:
    """The followed jobs at one moment."""

    jobs: Sequence[Job]
    """The jobs to show."""
    open: int
    """The number of jobs that have not ended."""
    queue: QueueState


class JobMonitor:
    """Polls jobs, with few queries however many there are."""

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, job_ids: Sequence[int]) -> None:
        self._workspace, self._db, self._ids = workspace, db, frozenset(job_ids)
        self._open = self._ids

    def poll(self) -> Poll:
        """Return the jobs that have ended since the last poll, the running ones, and the next few."""
        before, self._open = self._open, self._ids.intersection(open_ids(self._db))
        running = [job for job in self._read_running() if job.id in self._open]
        waiting = sorted(self._open.difference(job.id for job in running))
        others = [get_job(self._db, job_id) for job_id in [*(before - self._open), *waiting[:_MAX_NEXT]]]
        jobs = sorted([*running, *others], key=lambda job: job.id)
        return Poll(jobs, len(self._open), read_queue_state(self._workspace, self._db))

    def _read_running(self) -> list[Job]:
        return observed(list_jobs(self._db, states=(JobState.RUNNING,)), self._workspace)


class _Lines:
    def __init__(self) -> None:
        self._printed: dict[int, str] = {}
        self._paused = False

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, poll: Poll) -> None:
        for job in poll.jobs:
            explained = job.paused or job.not_before or poll.queue.disk_shortage
            reason = waiting_reason(job, poll.queue) if explained else None
            state = f"{job.shown_state}, {reason}" if reason else job.shown_state
            if job.state == JobState.RUNNING:
                state = job.shown_state if job.interrupted else job.stage or job.state
            line = f"{job_title(job)}: {state}"
            if self._printed.get(job.id) != line:
                self._printed[job.id] = line
                print_note(line)
        if poll.queue.paused and not self._paused and poll.open:
            print_note(PAUSED_REASON)
        self._paused = poll.queue.paused


class _Bars:
    def __init__(self, db: sqlite3.Connection, jobs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        console = Console(file=sys.stderr)
        self._db, self._jobs = db, jobs
        self._title = job_title if console.width >= _MIN_WIDTH_FOR_VOICE else job_name
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[time]}", markup=False, justify="right"),
            TextColumn(
                "{task.fields[status]}",
                markup=False,
                # Where "…" cannot be shown, its replacement would be wider.
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis" if is_unicode(sys.stderr) else "crop"),
            ),
            console=console,
            expand=True,
        )
        self._all = self._progress.add_task(
            counted(jobs, "job"), total=jobs, visible=jobs > _MAX_BARS, time="", status=""
        )
        self._tasks: dict[int, TaskID] = {}
        self._ended: list[int] = []

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, poll: Poll) -> None:
        ended = self._jobs - poll.open
        self._progress.update(self._all, completed=ended, status=f"{ended} ended")
        for job in poll.jobs:
            if job.id not in self._tasks:
                self._tasks[job.id] = self._progress.add_task(self._title(job), total=1.0, time="", status="")
            note = job_note(job, waiting_reason(job, poll.queue), time_left_of(self._db, job))
            # None leaves the bar as it is: the last stages report no progress.
            self._progress.update(
                self._tasks[job.id],
                completed=_completed(job),
                time=short_duration(elapsed(job))
                if job.state == JobState.RUNNING
                else job_duration(job)
                if job.ended
                else "",
                status=job.state if job.ended else f"paused {note}" if job.paused else note or job.state,
            )
            if job.ended and job.id not in self._ended:
                self._ended.append(job.id)
        self._make_room()

    def _make_room(self) -> None:
        while len(self._tasks) > _MAX_BARS and self._ended:
            self._progress.remove_task(self._tasks.pop(self._ended.pop(0)))


def _completed(job: Job) -> float | None:
    if job.state == JobState.QUEUED:
        return job.progress or 0.0
    return 1.0 if job.state == JobState.SUCCEEDED else job.progress
