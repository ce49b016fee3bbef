"""The states, kinds and events of jobs, with the values that the store and JSON use."""

from collections.abc import Iterable
from enum import StrEnum


class JobState(StrEnum):
    """The state of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


INTERRUPTED = "interrupted"
"""What is shown as the state of a running job whose worker has died. It is derived from the worker, and never stored."""
PAUSED = "paused"
"""What is shown as the state of a queued job that is paused. The store has it as queued, with the time of the pause."""
OPEN = (JobState.QUEUED, JobState.RUNNING)
ENDED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
UNSUCCESSFUL = (JobState.FAILED, JobState.CANCELLED)


class JobKind(StrEnum):
    """The work that a job does. A newer version may have queued other kinds, so `Job.kind` is any string."""

    QUANTIZE = "quantize"
    CONVERT = "convert"
    DISTILL = "distill"
    TUNE = "tune"
    BENCHMARK = "benchmark"


RESUMABLE = (JobKind.DISTILL, JobKind.TUNE)
"""Jobs that save what they have done, so that the next attempt goes on from there. They end with a budget of time."""


class JobEventKind(StrEnum):
    """An event in a job's history that is not a change of state; those are recorded under the name of the state."""

    STARTED = "started"
    REQUEUED = "requeued"
    EDITED = "edited"
    CANCEL_ASKED = "cancel asked"
    PAUSE_ASKED = "pause asked"
    PAUSED = "paused"
    RESUMED = "resumed"
    HOOK_FAILED = "hook failed"


def sql_list(values: Iterable[StrEnum]) -> str:
    """Return states or kinds as a parenthesized SQL list of literals, for an IN clause that other statements embed."""
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"
