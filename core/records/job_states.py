"""The states, kinds and events of jobs, as they stand in the store and in JSON."""

from collections.abc import Iterable
from enum import StrEnum


class JobState(StrEnum):
    """The state of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = (JobState.QUEUED, JobState.RUNNING)
ENDED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
UNSUCCESSFUL = (JobState.FAILED, JobState.CANCELLED)


class JobKind(StrEnum):
    """What a job does. A job that a newer version queued may be of another kind, so `Job.kind` is any string."""

    QUANTIZE = "quantize"
    CONVERT = "convert"
    BENCHMARK = "benchmark"


class JobEventKind(StrEnum):
    """An event in the history of a job other than a new state, which is recorded under the state's name."""

    STARTED = "started"
    REQUEUED = "requeued"
    EDITED = "edited"
    CANCEL_ASKED = "cancel asked"
    HOOK_FAILED = "hook failed"


def sql_list(states: Iterable[JobState]) -> str:
    """Return the states as a list for SQL's IN. As literals they can be part of a string that other queries include."""
    return "(" + ", ".join(f"'{state}'" for state in states) + ")"
