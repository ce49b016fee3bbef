"""What a kind of job gets to work with."""

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
    """Tell the stage, and the share of the whole job that is done (0..1, None when unknown)."""

    @contextmanager
    def handing_in(self, result: dict[str, Any]) -> Iterator[sqlite3.Connection]:
        """The transaction in which what the job made becomes visible. Raises Superseded before anything is changed."""
        with transaction(self.db):
            commit_result(self.db, self.job.id, self.attempt, result)
            yield self.db
