"""Follows jobs to their ends: bars in a terminal, a line a stage in a pipe."""

import sqlite3
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from core.store.jobs import Job, get_job
from core.workspace import Workspace
from jobs.daemon import start_worker
from tui.cli.tables import print_line
from tui.formats import job_title

if TYPE_CHECKING:
    from rich.progress import TaskID

_LOOK_S = 0.25


def follow(workspace: Workspace, db: sqlite3.Connection, job_ids: Sequence[int]) -> list[Job]:
    """Wait until all have ended, telling how they get on; a worker is started where none runs. Returns the jobs."""
    show = _Bars() if sys.stderr.isatty() else _Lines()
    try:
        with show:
            while True:
                jobs = [get_job(db, job_id) for job_id in job_ids]
                show.update(jobs)
                if all(job.ended for job in jobs):
                    return jobs
                start_worker(workspace)
                time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        ids = " ".join(str(job_id) for job_id in job_ids)
        click.echo(f"\nthe jobs go on without you; follow them again: ttsdash jobs wait {ids}", err=True)
        raise


def print_failures(jobs: Sequence[Job]) -> None:
    """A line for each job that did not succeed, with the reason."""
    for job in jobs:
        if job.state != "succeeded":
            print_line(f"{job_title(job)}: {job.state}" + (f": {job.error}" if job.error else ""))


class _Lines:
    def __init__(self) -> None:
        self._said: dict[int, str] = {}

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            line = f"{job_title(job)}: {_now(job)}"
            if self._said.get(job.id) != line:
                self._said[job.id] = line
                click.echo(line, err=True)


class _Bars:
    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[now]}", markup=False),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[int, TaskID] = {}

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if job.id not in self._tasks:
                self._tasks[job.id] = self._progress.add_task(job_title(job), total=1.0, start=False, now="")
            task = self._tasks[job.id]
            if job.state != "queued":
                self._progress.start_task(task)
            share = 1.0 if job.state == "succeeded" else job.progress or 0.0
            self._progress.update(task, completed=share, now=_now(job))
            if job.ended:
                self._progress.stop_task(task)


def _now(job: Job) -> str:
    if job.state == "running":
        return job.stage or "running"
    return job.state
