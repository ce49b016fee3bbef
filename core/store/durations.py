"""Estimates of how long a job takes, from past runs of the same kind on the same machine."""

import json
import sqlite3
from dataclasses import dataclass
from statistics import median
from typing import Any

from core.clock import format_duration
from core.records.job_states import RESUMABLE, JobState, sql_list
from core.records.jobs import Job, NewJob

_LATEST = 20


@dataclass(frozen=True)
class Estimate:
    """The median duration of past runs."""

    seconds: float
    runs: int

    def __str__(self) -> str:
        return f"about {format_duration(self.seconds)}, from {self.runs} past run{'s' if self.runs > 1 else ''} here"

    def scaled(self, factor: float) -> "Estimate":
        """Return the estimate for `factor` times the work."""
        return Estimate(self.seconds * factor, self.runs)

    def remaining(self, elapsed: float) -> str:
        """Return the remaining time as text, after `elapsed` seconds."""
        if elapsed < self.seconds:
            return f"about {format_duration(self.seconds - elapsed)} left"
        return f"longer than the {format_duration(self.seconds)} of past runs"


def estimate(db: sqlite3.Connection, job: Job | NewJob, machine: str) -> Estimate | None:
    """Return None if no such job has run on this machine. Runs on the same voice take precedence over other voices.

    An attempt that goes on from an earlier one takes less than a whole run, and nobody knows how much less.
    """
    if isinstance(job, Job) and _goes_on(job):
        return None
    rows = _runs(db, job, machine, "AND voice_id = :voice") or _runs(db, job, machine)
    if not rows:
        return None
    pace = median(row["seconds"] / _work_units(json.loads(row["params"])) for row in rows)
    return Estimate(pace * _work_units(job.params), len(rows))


def _goes_on(job: Job) -> bool:
    """Return whether the attempt that runs, or the next one, goes on from an earlier one."""
    begun = job.attempt - 1 if job.state == JobState.RUNNING else job.attempt
    return job.kind in RESUMABLE and begun > 0


def _runs(db: sqlite3.Connection, job: Job | NewJob, machine: str, also: str = "") -> list[sqlite3.Row]:
    return db.execute(
        f"""SELECT params, seconds FROM jobs
            WHERE kind = :kind AND variant IS :variant AND state = '{JobState.SUCCEEDED}' AND machine_id = :machine
              AND seconds IS NOT NULL AND (attempt = 1 OR kind NOT IN {sql_list(RESUMABLE)}) {also}
            ORDER BY id DESC LIMIT :latest""",
        {"kind": job.kind, "variant": job.variant, "machine": machine, "voice": job.voice_id, "latest": _LATEST},
    ).fetchall()


def _work_units(params: dict[str, Any]) -> int:
    """Return the number of measurements of a benchmark: variants and original times thread counts; constant otherwise."""
    # Without thread counts a benchmark runs at one thread and at all cores.
    return (1 + len(params.get("variants", ()))) * (len(params.get("threads", ())) or 2)
