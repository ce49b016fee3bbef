"""The details of a job."""

from collections.abc import Iterator, Sequence

from core.clock import format_duration
from core.records.job_states import JobEventKind
from core.records.jobs import Job, JobEvent
from tui.text.format import counted, job_title, local_time, parameters, resource_usage


def describe_job(job: Job, note: str, failed_attempts: Sequence[JobEvent]) -> str:
    """Return the details of a job. `note` is why it waits or what its error is."""
    usage = resource_usage(job) if job.ended else None
    lines = [
        ", ".join(_state(job)),
        note,
        *map(_attempt, failed_attempts),
        ", ".join(_times(job)),
        f"took {usage}" if usage else "",
        " · ".join(_requirements(job)),
        parameters(job.params),
    ]
    return "\n".join(filter(None, lines))


def _state(job: Job) -> Iterator[str]:
    yield f"{job_title(job)}: {job.shown_state}"
    if job.pausing:
        yield "pausing"
    if job.attempt > 1:
        yield f"attempt {job.attempt}"
    if job.priority:
        yield f"priority {job.priority}"


def _attempt(event: JobEvent) -> str:
    how = "interrupted" if event.event == JobEventKind.REQUEUED else "failed"
    return f"attempt {event.attempt} {how}: {event.detail}"


def _times(job: Job) -> Iterator[str]:
    yield f"queued {local_time(job.created_at)}"
    if job.not_before and not job.ended:
        yield f"not before {local_time(job.not_before)}"
    if job.finished_at:
        yield f"ended {local_time(job.finished_at)}"


def _requirements(job: Job) -> Iterator[str]:
    """Yield what the job needs to start, and the limits that end it."""
    if job.resources.exclusive:
        yield "needs the machine to itself"
    else:
        memory = f", {job.resources.memory_mb} MB" if job.resources.memory_mb else ""
        yield f"needs {counted(job.resources.cores, 'core')}{memory}"
    limits = []
    if job.limits.seconds is not None:
        limits.append(format_duration(job.limits.seconds))
    if job.limits.memory_mb is not None:
        limits.append(f"{job.limits.memory_mb} MB")
    if limits:
        yield f"limits {', '.join(limits)}"
