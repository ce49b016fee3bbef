"""The context in which a job runs."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from core.records.jobs import Job
from core.records.voices import Voice
from core.store.database import transaction
from core.store.lifecycle import commit_result
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

    @contextmanager
    def committing(self, result: dict[str, Any]) -> Iterator[sqlite3.Connection]:
        """Open the transaction that makes the job's result visible. Raises StaleAttempt before anything is changed."""
        with transaction(self.db):
            commit_result(self.db, self.job.id, self.attempt, result)
            yield self.db
