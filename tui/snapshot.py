"""What the dashboard shows of the store, read off its thread in one go."""

import sqlite3
from dataclasses import dataclass, field, replace

from core.hardware.machine import this_machine
from core.selection.judge import Selection
from core.store.jobs import Job, list_jobs
from core.store.results import Result, list_results
from core.store.selections import latest_selections
from core.store.voices import Voice, list_voices
from core.workspace import Workspace
from jobs.lock import WorkerInfo, running_worker


@dataclass(frozen=True)
class Snapshot:
    """The newest jobs and results, newest first; lists that did not change are the same objects as before."""

    voices: list[Voice] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    selections: dict[str, Selection] = field(default_factory=dict)
    """What is selected on this machine, by voice; a voice for which nothing was selected yet is not in it."""
    worker: WorkerInfo | None = None
    machine: str = ""
    """The fingerprint of the machine that the dashboard runs on."""

    @property
    def running(self) -> list[Job]:
        return [job for job in self.jobs if job.state == "running"]

    def latest_result(self, voice: str, variant: str, sha256: str) -> Result | None:
        """The newest figures of exactly this file, those of stock session options first."""
        mine = [
            result
            for result in self.results
            if result.voice == voice and result.variant == variant and result.variant_sha256 == sha256
        ]
        return next((result for result in mine if result.stock), mine[0] if mine else None)


class SnapshotReader:
    """Reads snapshots, and of the long lists only what can have changed. Use it from one thread."""

    def __init__(self, workspace: Workspace, db: sqlite3.Connection) -> None:
        self._workspace, self._db = workspace, db
        self._data_version: int | None = None
        self._marks: tuple[int, ...] = ()
        self._latest = Snapshot(machine=this_machine().id)

    def read(self) -> Snapshot | None:
        """The store as it is now, None when nothing has changed since the last call."""
        worker = running_worker(self._workspace)
        data_version = self._db.execute("PRAGMA data_version").fetchone()[0]
        if data_version == self._data_version and worker == self._latest.worker:
            return None
        self._data_version = data_version
        snapshot = replace(self._latest, worker=worker)
        voices = list_voices(self._db)
        if voices != snapshot.voices:
            snapshot = replace(snapshot, voices=voices)
        marks = self._read_marks()
        if marks != self._marks:
            stored = latest_selections(self._db, snapshot.machine)
            selections = {voice: entry.selection for voice, entry in stored.items()}
            jobs, results = list_jobs(self._db), list_results(self._db)
            snapshot = replace(snapshot, jobs=jobs, results=results, selections=selections)
        elif snapshot.running:
            # Nothing but a heartbeat or progress: the running ones are new, the others are as they were.
            fresh = {job.id: job for job in list_jobs(self._db, states=("running",))}
            snapshot = replace(snapshot, jobs=[fresh.get(job.id, job) for job in snapshot.jobs])
        self._marks, self._latest = marks, snapshot
        return snapshot

    def _read_marks(self) -> tuple[int, ...]:
        """Numbers that change with any change of state of a job, and with any new result or selection."""
        row = self._db.execute(
            """SELECT (SELECT max(id) FROM job_events), (SELECT max(rowid) FROM results), (SELECT count(*) FROM voices),
                   (SELECT max(id) FROM selections)"""
        ).fetchone()
        return tuple(value or 0 for value in row)
