"""A snapshot of the store, which the dashboard shows."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

from core.hardware.machine import Machine, this_machine
from core.history.newest import list_newest
from core.records.job_states import ENDED, JobEventKind, JobState
from core.records.jobs import Job, JobEvent
from core.records.results import Result
from core.records.selections import Selection
from core.records.voices import Variant, Voice
from core.store.durations import Estimate, estimate
from core.store.jobs import count_jobs, list_events, list_jobs, list_queued
from core.store.selections import latest_selections
from core.store.voices import list_voices
from core.workspace import Workspace
from jobs.liveness import Observation, observe
from jobs.lock import WorkerInfo, is_unresponsive, running_worker
from jobs.queue_state import EMPTY_QUEUE, QueueState, read_queue_state

# A longer table takes too long to lay out.
_MAX_JOBS = 500
_MAX_QUEUED = 300


@dataclass(frozen=True)
class Snapshot:
    """What the dashboard shows. A list that has not changed is the same object as in the snapshot before."""

    voices: list[Voice] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    """Running jobs, queued ones in queue order, then ended ones, the latest first."""
    running: list[Job] = field(default_factory=list)
    """Running jobs with their current progress, or interrupted ones if no worker is running; in `jobs`, progress is as of the last change of a state."""
    counts: Mapping[JobState, int] = field(default_factory=dict)
    """The number of jobs in each state, including those that are not shown."""
    failed_attempts: Mapping[int, tuple[JobEvent, ...]] = field(default_factory=dict)
    """By job, the events that ended its earlier attempts."""
    estimates: Mapping[int, Estimate] = field(default_factory=dict)
    """By running job, its expected duration; without jobs whose kind has never run here."""
    newest: list[Result] = field(default_factory=list)
    """The newest result of each variant and thread count on this machine; a new list after any new result."""
    selections: dict[str, Selection] = field(default_factory=dict)
    """By voice, what is selected on this machine; without voices that have no selection yet."""
    queue: QueueState = EMPTY_QUEUE
    """Why jobs wait."""
    worker: WorkerInfo | None = None
    worker_unresponsive: bool = False
    machine: str = ""
    """The fingerprint of this machine."""

    def latest_result(self, voice: Voice, variant: Variant) -> Result | None:
        """Return the newest result of exactly this file on this machine, preferably one with default session options."""
        return self._by_file.get((voice.source_sha256, variant.name, variant.sha256))

    @cached_property
    def _by_file(self) -> dict[tuple[str, str, str], Result]:
        # Later entries replace earlier ones.
        ordered = sorted(self.newest, key=lambda result: (result.stock, result.threads))
        return {(result.voice_id, result.variant, result.variant_sha256): result for result in ordered}


class SnapshotReader:
    """Reads snapshots, and long lists only if they can have changed. Use it from one thread."""

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, machine: Machine | None = None) -> None:
        self._workspace, self._db = workspace, db
        self._data_version: int | None = None
        self._seen: Observation | None = None
        self._versions: tuple[object, ...] = ()
        self._last_result: tuple[object, ...] = ()
        self._latest = Snapshot(machine=(machine or this_machine()).id)

    def read(self) -> Snapshot | None:
        """Return a snapshot, or None if nothing has changed since the last call."""
        worker = running_worker(self._workspace)
        unresponsive = worker is not None and is_unresponsive(self._workspace)
        seen = observe(self._workspace)
        data_version = self._db.execute("PRAGMA data_version").fetchone()[0]
        latest = self._latest
        before = (self._data_version, latest.worker, latest.worker_unresponsive, self._seen)
        if (data_version, worker, unresponsive, seen) == before:
            return None
        with _read_transaction(self._db):
            snapshot = self._refresh(replace(latest, worker=worker, worker_unresponsive=unresponsive), seen)
        self._data_version, self._seen, self._latest = data_version, seen, snapshot
        return snapshot

    def _refresh(self, snapshot: Snapshot, seen: Observation) -> Snapshot:
        voices, counts = list_voices(self._db), count_jobs(self._db)
        running = [seen.see(job) for job in list_jobs(self._db, states=(JobState.RUNNING,))]
        if voices != snapshot.voices:
            snapshot = replace(snapshot, voices=voices)
        # Jobs, results and selections are listed with the names of their voices.
        names = tuple((voice.id, voice.key, voice.source_sha256) for voice in voices)
        versions = (counts, seen.alive, names, *self._read_versions())
        if versions != self._versions:
            snapshot = replace(self._read_lists(snapshot, running, names), counts=counts)
        if versions != self._versions or snapshot.worker != self._latest.worker:
            snapshot = replace(snapshot, queue=read_queue_state(self._workspace, self._db))
        self._versions = versions
        return replace(snapshot, running=running[::-1])

    def _read_lists(self, snapshot: Snapshot, running: list[Job], names: tuple[object, ...]) -> Snapshot:
        queued = list_queued(self._db, _MAX_QUEUED)
        ended = list_jobs(self._db, ENDED, _MAX_JOBS - len(running) - len(queued))
        ended.sort(key=lambda job: job.finished_at or "", reverse=True)
        jobs = [*running[::-1], *queued, *ended]
        retried = (job for job in jobs if job.attempt > 1 or (job.attempt == 1 and job.state == JobState.QUEUED))
        estimates = snapshot.estimates
        if {job.id for job in running} != {job.id for job in snapshot.running}:
            expected = {job.id: estimate(self._db, job, snapshot.machine) for job in running}
            estimates = {job_id: known for job_id, known in expected.items() if known}
        stored = latest_selections(self._db, snapshot.machine)
        last = (names, self._db.execute("SELECT count(*), max(rowid) FROM results").fetchone()[:])
        if last != self._last_result:
            self._last_result = last
            snapshot = replace(snapshot, newest=list_newest(self._db, snapshot.machine))
        selections = {voice: entry.selection for voice, entry in stored.items()}
        if selections != snapshot.selections:
            snapshot = replace(snapshot, selections=selections)
        return replace(
            snapshot,
            jobs=jobs,
            failed_attempts={job.id: self._read_failed_attempts(job) for job in retried},
            estimates=estimates,
        )

    def _read_failed_attempts(self, job: Job) -> tuple[JobEvent, ...]:
        return tuple(
            event
            for event in list_events(self._db, job.id)
            if event.event in (JobEventKind.REQUEUED, JobState.FAILED)
            and (event.attempt < job.attempt or job.state == JobState.QUEUED)
        )

    def _read_versions(self) -> tuple[object, ...]:
        """Return values that change with the state or position of any job, and with any new result, voice or selection."""
        row = self._db.execute(
            """SELECT (SELECT max(id) FROM job_events), (SELECT max(rowid) FROM results), (SELECT count(*) FROM voices),
                   (SELECT max(id) FROM selections), (SELECT paused_at FROM queue)"""
        ).fetchone()
        order = self._db.execute(
            f"SELECT id FROM jobs WHERE state = '{JobState.QUEUED}' ORDER BY priority DESC, turn, id LIMIT ?",
            (_MAX_QUEUED,),
        )
        return (*row, *(entry[0] for entry in order))


@contextmanager
def _read_transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Read a consistent state of the store: every read sees it as of the first one."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.rollback()
