"""The context in which a job runs."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from core.records.jobs import Job
from core.records.voices import Voice
from core.workspace import Workspace


@dataclass(frozen=True)
class JobContext:
    """One attempt at one job."""

    workspace: Workspace
    db: sqlite3.Connection
    job: Job
    voice: Voice
    attempt: int
    report: Callable[[str, float | None], None]
    """Report the stage and the progress of the whole job (0..1, None: unknown)."""
