"""What the dashboard shows of the store, read off its thread in one go."""

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
from core.records.voices import Voice
from core.store.durations import Estimate, estimate
from core.store.jobs import count_jobs, list_events, list_jobs, list_queued
from core.store.selections import latest_selections
from core.store.voices import list_voices
from core.workspace import Workspace
from jobs.lock import WorkerInfo, is_unresponsive, running_worker
from jobs.queue_state import EMPTY_QUEUE, QueueState, read_queue_state

# A table of more rows takes too long to lay out.
_MOST = 500
_MOST_WAITING = 300


@dataclass(frozen=True)
class Snapshot:
    """What there is to show; lists that did not change are the same objects as before."""

    voices: list[Voice] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    """Those that run, those that wait in the order of the queue, those that have ended, the last one first."""
    running: list[Job] = field(default_factory=list)
    """Those that run with what they report, which in `jobs` stands as of the last change of a state."""
    counts: Mapping[JobState, int] = field(default_factory=dict)
    """How many jobs there are of each state, also of those that are not shown."""
    failed_attempts: Mapping[int, tuple[JobEvent, ...]] = field(default_factory=dict)
    """By job, what became of its earlier attempts."""
    estimates: Mapping[int, Estimate] = field(default_factory=dict)
    """By job that runs, how long it takes; one whose kind has not run here before is not in it."""
    newest: list[Result] = field(default_factory=list)
    """What each variant was measured last on this machine, at each number of threads; another list after any new result."""
    selections: dict[str, Selection] = field(default_factory=dict)
    """What is selected on this machine, by voice; a voice for which nothing was selected yet is not in it."""
    queue: QueueState = EMPTY_QUEUE
    """What keeps jobs waiting."""
    worker: WorkerInfo | None = None
    worker_unresponsive: bool = False
    """The worker has given no sign of life for long."""
    machine: str = ""
    """The fingerprint of the machine that the dashboard runs on."""

    def latest_result(self, voice: str, variant: str, sha256: str) -> Result | None:
        """The newest figures of exactly this file on this machine, those of stock session options first."""
        return self._by_file.get((voice, variant, sha256))

    @cached_property
    def _by_file(self) -> dict[tuple[str, str, str], Result]:
        # What comes last stays.
        ordered = sorted(self.newest, key=lambda result: (result.stock, result.threads))
        return {(result.voice, result.variant, result.variant_sha256): result for result in ordered}


class SnapshotReader:
    """Reads snapshots, and of the long lists only what can have changed. Use it from one thread."""

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, machine: Machine | None = None) -> None:
        self._workspace, self._db = workspace, db
        self._data_version: int | None = None
        self._marks: tuple[object, ...] = ()
        self._last_result: int | None = None
        self._latest = Snapshot(machine=(machine or this_machine()).id)

    def read(self) -> Snapshot | None:
        """The store as it is now, None when nothing has changed since the last call."""
        worker = running_worker(self._workspace)
        silent = worker is not None and is_unresponsive(self._workspace)
        data_version = self._db.execute("PRAGMA data_version").fetchone()[0]
        latest = self._latest
        if (data_version, worker, silent) == (self._data_version, latest.worker, latest.worker_unresponsive):
            return None
        with _one_moment(self._db):
            snapshot = self._refresh(replace(latest, worker=worker, worker_unresponsive=silent))
        self._data_version, self._latest = data_version, snapshot
        return snapshot

    def _refresh(self, snapshot: Snapshot) -> Snapshot:
        voices, running, counts = (
            list_voices(self._db),
            list_jobs(self._db, states=(JobState.RUNNING,)),
            count_jobs(self._db),
        )
        if voices != snapshot.voices:
            snapshot = replace(snapshot, voices=voices)
        marks = (counts, *self._read_marks())
        if marks != self._marks:
            snapshot = replace(self._read_lists(snapshot, running), counts=counts)
        if marks != self._marks or snapshot.worker != self._latest.worker:
            snapshot = replace(snapshot, queue=read_queue_state(self._workspace, self._db))
        self._marks = marks
        return replace(snapshot, running=running[::-1])

    def _read_lists(self, snapshot: Snapshot, running: list[Job]) -> Snapshot:
        waiting = list_queued(self._db, _MOST_WAITING)
        ended = list_jobs(self._db, ENDED, _MOST - len(running) - len(waiting))
        ended.sort(key=lambda job: job.finished_at or "", reverse=True)
        jobs = [*running[::-1], *waiting, *ended]
        interrupted = (job for job in jobs if job.attempt > 1 or (job.attempt == 1 and job.state == JobState.QUEUED))
        estimates = snapshot.estimates
        if {job.id for job in running} != {job.id for job in snapshot.running}:
            found = {job.id: estimate(self._db, job, snapshot.machine) for job in running}
            estimates = {job_id: known for job_id, known in found.items() if known}
        stored = latest_selections(self._db, snapshot.machine)
        last = self._db.execute("SELECT max(rowid) FROM results").fetchone()[0]
        if last != self._last_result:
            self._last_result = last
            snapshot = replace(snapshot, newest=list_newest(self._db, snapshot.machine))
        selections = {voice: entry.selection for voice, entry in stored.items()}
        if selections != snapshot.selections:
            snapshot = replace(snapshot, selections=selections)
        return replace(
            snapshot,
            jobs=jobs,
            failed_attempts={job.id: self._read_setbacks(job) for job in interrupted},
            estimates=estimates,
        )

    def _read_setbacks(self, job: Job) -> tuple[JobEvent, ...]:
        return tuple(
            event
            for event in list_events(self._db, job.id)
            if event.event in (JobEventKind.REQUEUED, JobState.FAILED)
            and (event.attempt < job.attempt or job.state == JobState.QUEUED)
        )

    def _read_marks(self) -> tuple[object, ...]:
        """What changes with any change of a job's state or place, and with any new result, voice or selection."""
        row = self._db.execute(
            """SELECT (SELECT max(id) FROM job_events), (SELECT max(rowid) FROM results), (SELECT count(*) FROM voices),
                   (SELECT max(id) FROM selections), (SELECT paused_at FROM queue)"""
        ).fetchone()
        order = self._db.execute(
            f"SELECT id FROM jobs WHERE state = '{JobState.QUEUED}' ORDER BY priority DESC, turn, id LIMIT ?",
            (_MOST_WAITING,),
        )
        return (*row, *(entry[0] for entry in order))


@contextmanager
def _one_moment(db: sqlite3.Connection) -> Iterator[None]:
    """All that is read sees the store as it is at the first read."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.rollback()
