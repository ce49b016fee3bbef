"""Follows jobs to their ends: bars in a terminal, a line a stage in a pipe."""

import sqlite3
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from core.hardware.machine import this_machine
from core.records.job_states import JobState
from core.records.jobs import Job
from core.store.durations import estimate
from core.store.jobs import get_job, list_jobs, open_ids
from core.workspace import Workspace
from jobs.queue_state import PAUSED, QueueState, read_queue_state, waiting_reason
from jobs.worker_control import ensure_worker
from tui.cli.output import print_line
from tui.text.format import counted, elapsed, job_duration, job_name, job_note, job_title, minutes, time_left

if TYPE_CHECKING:
    from rich.progress import TaskID

_LOOK_S = 0.25
# Of many jobs those that run are shown, and the next ones; those that have ended give way to them.
_NEXT = 8
_MOST_BARS = 12
# A narrower terminal has no room for the voice beside the rest.
_WITH_VOICE = 120
_MOST_IDS = 20


def follow(workspace: Workspace, db: sqlite3.Connection, job_ids: Sequence[int]) -> list[Job]:
    """Wait until all have ended, telling how they get on; a worker is started where none runs. Returns the jobs."""
    watch = Watch(workspace, db, job_ids)
    show = _Bars(db, len(job_ids)) if sys.stderr.isatty() else _Lines()
    try:
        with show:
            while True:
                look = watch.look()
                show.update(look)
                if not look.open:
                    return [get_job(db, job_id) for job_id in job_ids]
                ensure_worker(workspace)
                time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        ids = "".join(f" {job_id}" for job_id in job_ids) if len(job_ids) <= _MOST_IDS else ""
        click.echo(f"\nthe jobs go on without you; follow them again: ttsdash jobs wait{ids}", err=True)
        raise


def time_left_of(db: sqlite3.Connection, job: Job) -> str | None:
    """What past runs here say of a running job's remaining time; None where there are none."""
    expected = estimate(db, job, this_machine().id) if job.state == JobState.RUNNING else None
    return time_left(job, expected) if expected else None


def print_failures(jobs: Sequence[Job]) -> None:
    """A line for each job that did not succeed, with the reason."""
    for job in jobs:
        if job.state != JobState.SUCCEEDED:
            print_line(f"{job_title(job)}: {job.state}" + (f": {job.error}" if job.error else ""))


@dataclass(frozen=True)
class Look:
    jobs: Sequence[Job]
    """Those worth showing."""
    open: int
    """How many of all have not ended."""
    queue: QueueState


class Watch:
    """Looks at jobs, with few queries however many they are."""

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, job_ids: Sequence[int]) -> None:
        self._workspace, self._db, self._ids = workspace, db, frozenset(job_ids)
        self._open = self._ids

    def look(self) -> Look:
        """Shown are those that have ended since the last look, those that run, and the next few."""
        before, self._open = self._open, self._ids.intersection(open_ids(self._db))
        running = [job for job in list_jobs(self._db, states=(JobState.RUNNING,)) if job.id in self._open]
        waiting = sorted(self._open.difference(job.id for job in running))
        others = [get_job(self._db, job_id) for job_id in [*(before - self._open), *waiting[:_NEXT]]]
        jobs = sorted([*running, *others], key=lambda job: job.id)
        return Look(jobs, len(self._open), read_queue_state(self._workspace, self._db))


class _Lines:
    def __init__(self) -> None:
        self._said: dict[int, str] = {}
        self._paused = False

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, look: Look) -> None:
        for job in look.jobs:
            why = waiting_reason(job, look.queue) if job.not_before or look.queue.disk_shortage else None
            state = f"queued, {why}" if why else job.state
            line = f"{job_title(job)}: {job.stage or JobState.RUNNING if job.state == JobState.RUNNING else state}"
            if self._said.get(job.id) != line:
                self._said[job.id] = line
                click.echo(line, err=True)
        if look.queue.paused and not self._paused and look.open:
            click.echo(PAUSED, err=True)
        self._paused = look.queue.paused


class _Bars:
    def __init__(self, db: sqlite3.Connection, jobs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        console = Console(stderr=True)
        self._db, self._jobs = db, jobs
        self._title = job_title if console.width >= _WITH_VOICE else job_name
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[time]}", markup=False, justify="right"),
            TextColumn("{task.fields[now]}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
            console=console,
            expand=True,
        )
        self._all = self._progress.add_task(
            counted(jobs, "job"), total=jobs, visible=jobs > _MOST_BARS, time="", now=""
        )
        self._tasks: dict[int, TaskID] = {}
        self._ended: list[int] = []

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, look: Look) -> None:
        ended = self._jobs - look.open
        self._progress.update(self._all, completed=ended, now=f"{ended} ended")
        for job in look.jobs:
            if job.id not in self._tasks:
                self._tasks[job.id] = self._progress.add_task(self._title(job), total=1.0, time="", now="")
            now = job_note(job, waiting_reason(job, look.queue), time_left_of(self._db, job))
            # None leaves the bar as it is: the last stages tell no share.
            self._progress.update(
                self._tasks[job.id],
                completed={JobState.QUEUED: 0.0, JobState.SUCCEEDED: 1.0}.get(job.state, job.progress),
                time=minutes(elapsed(job)) if job.state == JobState.RUNNING else job_duration(job) if job.ended else "",
                now=job.state if job.ended else now or job.state,
            )
            if job.ended and job.id not in self._ended:
                self._ended.append(job.id)
        self._make_room()

    def _make_room(self) -> None:
        while len(self._tasks) > _MOST_BARS and self._ended:
            self._progress.remove_task(self._tasks.pop(self._ended.pop(0)))
