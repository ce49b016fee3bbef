"""Jobs of a tiny voice for the tests of the commands, and what those print."""

import json
import sqlite3
import subprocess
from collections.abc import Callable

from core.hardware.machine import this_machine
from core.records.jobs import Job, NewJob
from core.records.voices import Voice
from core.store.jobs import get_job, list_jobs, list_queued
from core.store.lifecycle import ResourceUsage, claim, finish
from core.workspace import Workspace
from jobs.submit import Scheduling, benchmark_job, submit, variant_job

Call = Callable[..., subprocess.CompletedProcess[str]]


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of a command that went well."""
    assert (done.returncode, done.stderr) == (0, "")
    return [line.rstrip() for line in done.stdout.splitlines()]


def answered(done: subprocess.CompletedProcess[str]) -> object:
    """The JSON of a command that went well."""
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


class Queue:
    """Jobs of a tiny voice, which nobody runs."""

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
        self.workspace, self.db, self.voice = workspace, db, voice

    def add(self, recipe: str = "dynamic", **terms: object) -> int:
        return submit(self.workspace, self.db, variant_job(self.voice, recipe), scheduling=Scheduling(**terms))[0]  # type: ignore[arg-type]

    def add_benchmark(self, **terms: object) -> int:
        return submit(
            self.workspace, self.db, benchmark_job(self.voice, ["dynamic-int8"]), scheduling=Scheduling(**terms)
        )[0]  # type: ignore[arg-type]

    def add_distillation(self) -> int:
        job = NewJob("distill", self.voice.id, "distilled", {})
        return submit(self.workspace, self.db, job)[0]

    def start(self) -> Job:
        job = claim(self.db, machine=this_machine().id)
        assert job is not None
        return job

    def end(self, state: str = "succeeded", error: str | None = None, **bill: float) -> int:
        job = self.start()
        assert finish(self.db, job.id, job.attempt, state, error, ResourceUsage(**bill))
        return job.id

    def job(self, job_id: int) -> Job:
        return get_job(self.db, job_id)

    def states(self) -> list[str]:
        """By id."""
        return [job.state for job in reversed(list_jobs(self.db))]

    def order(self) -> list[int]:
        return [job.id for job in list_queued(self.db)]
