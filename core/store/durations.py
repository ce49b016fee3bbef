"""How long a job will take, from past runs of its kind on the same machine."""

import json
import sqlite3
from dataclasses import dataclass
from statistics import median
from typing import Any

from core.clock import format_duration
from core.records.job_states import JobState
from core.records.jobs import Job, NewJob

_LATEST = 20


@dataclass(frozen=True)
class Estimate:
    """The median over past runs."""

    seconds: float
    runs: int

    def __str__(self) -> str:
        return f"about {format_duration(self.seconds)}, from {self.runs} past run{'s' if self.runs > 1 else ''} here"

    def times(self, factor: int) -> "Estimate":
        """Of so many times the work."""
        return Estimate(self.seconds * factor, self.runs)

    def left(self, elapsed: float) -> str:
        """What to say when that much time has gone."""
        if elapsed < self.seconds:
            return f"about {format_duration(self.seconds - elapsed)} left"
        return f"longer than the {format_duration(self.seconds)} of past runs"


def estimate(db: sqlite3.Connection, job: Job | NewJob, machine: str) -> Estimate | None:
    """None where nothing of the kind has run on this machine. Runs on the same voice count before those on others."""
    rows = _runs(db, job, machine, "AND voice_id = :voice") or _runs(db, job, machine)
    if not rows:
        return None
    pace = median(row["seconds"] / _work_in(json.loads(row["params"])) for row in rows)
    return Estimate(pace * _work_in(job.params), len(rows))


def _runs(db: sqlite3.Connection, job: Job | NewJob, machine: str, also: str = "") -> list[sqlite3.Row]:
    return db.execute(
        f"""SELECT params, seconds FROM jobs
            WHERE kind = :kind AND variant IS :variant AND state = '{JobState.SUCCEEDED}' AND machine_id = :machine
              AND seconds IS NOT NULL {also}
            ORDER BY id DESC LIMIT :latest""",
        {"kind": job.kind, "variant": job.variant, "machine": machine, "voice": job.voice_id, "latest": _LATEST},
    ).fetchall()


def _work_in(params: dict[str, Any]) -> int:
    """Only a benchmark says how much there is to do: every variant and the original, at every number of threads."""
    # Without any, threads are one and all.
    return (1 + len(params.get("variants", ()))) * (len(params.get("threads", ())) or 2)
