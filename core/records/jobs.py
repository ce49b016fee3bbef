"""Jobs: new ones, stored ones, their limits and their events."""

from dataclasses import dataclass
from typing import Any

from core.records.job_states import ENDED, INTERRUPTED, PAUSED, JobState
from core.records.resources import DEFAULT_RESOURCES, Resources

ATTEMPTS = 3


ENDED_PHRASES = {
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "was cancelled",
}


@dataclass(frozen=True)
class Limits:
    """The limits at which a job is ended; None: no limit."""

    seconds: int | None = None
    memory_mb: int | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True)
class NewJob:
    """A job to be queued."""

    kind: str
    voice_id: str
    variant: str | None
    params: dict[str, Any]
    resources: Resources = DEFAULT_RESOURCES
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
    position: int
    """The sort key among the jobs of the same priority; the lowest runs first."""
    after: tuple[int, ...]
    waits_for: tuple[int, ...]
    """The jobs of `after` that have not ended."""
    not_before: str | None
    resources: Resources
    limits: Limits
    cancel_asked: bool
    paused_at: str | None
    """When it was paused, if it is; a running one ends as soon as it has saved what it has done."""
    process_group: int | None
    heartbeat_at: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    machine_id: str | None
    """The machine of the last attempt, to which the fields below belong, too."""
    cpu_percent: float | None
    """CPU usage of a running job, in percent of one core."""
    rss_mb: float | None
    """Memory of all processes of a running job."""
    seconds: float | None
    """Wall time, by a monotonic clock."""
    cpu_seconds: float | None
    peak_mb: float | None
    """Peak memory of all its processes together."""
    error: str | None
    result: dict[str, Any] | None
    interrupted: bool = False
    """Whether it is running in the store only, because its worker has died (`jobs.liveness`)."""

    @property
    def shown_state(self) -> str:
        """Return the state to show: `interrupted`, `paused`, or the one in the store."""
        if self.interrupted:
            return INTERRUPTED
        return PAUSED if self.paused else self.state

    @property
    def paused(self) -> bool:
        """Return whether the job is not started until it is resumed."""
        return self.state == JobState.QUEUED and self.paused_at is not None

    @property
    def pausing(self) -> bool:
        """Return whether the job runs, and ends as soon as it has saved what it has done."""
        return self.state == JobState.RUNNING and self.paused_at is not None

    @property
    def ended(self) -> bool:
        """Return whether the job has succeeded, failed or been cancelled."""
        return self.state in ENDED


@dataclass(frozen=True)
class JobEvent:
    """An entry in a job's history."""

    at: str
    attempt: int
    event: str
    """A `JobState`, a `JobEventKind`, or an event that a newer version recorded."""
    detail: str | None
