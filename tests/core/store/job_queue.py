"""A job table with one voice, for the tests of the queue."""

import sqlite3
from typing import Any

from core.records.jobs import Job, NewJob
from core.records.resources import UNLIMITED, Capacity
from core.records.voices import Voice
from core.store.database import transaction
from core.store.jobs import add_job, get_job, list_events, list_jobs, list_queued
from core.store.lifecycle import ResourceUsage, claim, finish

LATER = "9999-01-01T00:00:00.000Z"


class Queue:
    """A job table with one voice, and short methods for what the tests do with it."""

    def __init__(self, db: sqlite3.Connection, voice: Voice) -> None:
        self.db, self.voice = db, voice

    def add(
        self,
        kind: str = "quantize",
        variant: str | None = None,
        params: dict[str, Any] | None = None,
        voice_id: str | None = None,
        **fields: Any,
    ) -> int:
        with transaction(self.db):
            return add_job(self.db, NewJob(kind, voice_id or self.voice.id, variant, params or {}, **fields))

    def start(self, capacity: Capacity = UNLIMITED, machine: str | None = None) -> Job:
        job = claim(self.db, capacity, machine)
        assert job is not None
        return job

    def end(self, state: str = "succeeded", machine: str | None = None, usage: ResourceUsage | None = None) -> int:
        """Start the next job and end it."""
        job = self.start(machine=machine)
        assert finish(self.db, job.id, job.attempt, state, "it broke" if state == "failed" else None, usage)
        return job.id

    def started(self, capacity: Capacity = UNLIMITED) -> list[int]:
        """Start whatever can be started. Returns the ids."""
        ids = []
        while job := claim(self.db, capacity):
            ids.append(job.id)
        return ids

    def job(self, job_id: int) -> Job:
        return get_job(self.db, job_id)

    def states(self) -> list[str]:
        """By id."""
        return [job.state for job in reversed(list_jobs(self.db))]

    def order(self) -> list[int]:
        """Those that wait, the next one first."""
        return [job.id for job in list_queued(self.db)]

    def events(self, job_id: int) -> list[tuple[int, str, str | None]]:
        """A job's history."""
        return [(event.attempt, event.event, event.detail) for event in list_events(self.db, job_id)]


def attempt_of(job: Job) -> tuple[int, int]:
    """What names one attempt at a job."""
    return job.id, job.attempt
