"""Jobs as the program passes them around: states, kinds, limits, events."""

from dataclasses import dataclass
from typing import Any

from core.records.job_states import ENDED, JobState
from core.records.resources import ORDINARY, Resources

ATTEMPTS = 3


ENDED_WORDS = {
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "was cancelled",
}


@dataclass(frozen=True)
class Limits:
    """What a job may take before it is ended; None where there is no limit."""

    seconds: int | None = None
    memory_mb: int | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True)
class NewJob:
    """What a caller says of a job to be queued."""

    kind: str
    voice_id: str
    variant: str | None
    params: dict[str, Any]
    need: Resources = ORDINARY
    limits: Limits = NO_LIMITS
    priority: int = 0
    after: tuple[int, ...] = ()
    not_before: str | None = None


@dataclass(frozen=True)
class Job:
    """A row of the job table. Times are ISO 8601 in UTC; `progress` is 0..1 within the whole job, or None."""

    id: int
    kind: str
    voice_id: str
    voice: str
    variant: str | None
    params: dict[str, Any]
    state: JobState
    stage: str | None
    progress: float | None
    attempt: int
    last_attempt: int
    priority: int
    turn: int
    """Its place among those of its priority: the lowest first."""
    after: tuple[int, ...]
    waits_for: tuple[int, ...]
    """Those of `after` that have not ended."""
    not_before: str | None
    need: Resources
    limits: Limits
    cancel_asked: bool
    process_group: int | None
    heartbeat_at: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    machine_id: str | None
    """Where its last attempt was started; what follows is that attempt's, too."""
    cpu_percent: float | None
    """While it runs: of one core."""
    rss_mb: float | None
    """While it runs: the memory of all its processes."""
    seconds: float | None
    """What it took, by a clock that nobody sets."""
    cpu_seconds: float | None
    peak_mb: float | None
    """The most memory that its processes had together."""
    error: str | None
    result: dict[str, Any] | None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True)
class JobEvent:
    """One change in a job's life."""

    at: str
    attempt: int
    event: str
    """A `JobState`, a `JobEventKind`, or what a newer version records."""
    detail: str | None
