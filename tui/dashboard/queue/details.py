"""What there is to say about a job beside what the table shows."""

from collections.abc import Iterator, Sequence

from core.clock import format_duration
from core.records.jobs import Job, JobEvent
from tui.text.format import bill, counted, job_title, moment, parameters


def describe_job(job: Job, note: str, setbacks: Sequence[JobEvent]) -> str:
    """`note` is why it waits, or how it went wrong; `setbacks` is what became of its earlier attempts."""
    lines = [
        ", ".join(_state(job)),
        note,
        *(f"attempt {setback.attempt}: {setback.detail}" for setback in setbacks),
        ", ".join(_times(job)),
        f"took {bill(job)}" if job.ended and bill(job) else "",
        ", ".join(_terms(job)),
        parameters(job.params),
    ]
    return "\n".join(filter(None, lines))


def _state(job: Job) -> Iterator[str]:
    yield f"{job_title(job)}: {job.state}"
    if job.attempt > 1:
        yield f"attempt {job.attempt}"
    if job.priority:
        yield f"priority {job.priority}"


def _times(job: Job) -> Iterator[str]:
    yield f"queued {moment(job.created_at)}"
    if job.not_before and not job.ended:
        yield f"not before {moment(job.not_before)}"
    if job.finished_at:
        yield f"ended {moment(job.finished_at)}"


def _terms(job: Job) -> Iterator[str]:
    """What it needs to run, and what ends it."""
    if job.resources.exclusive:
        yield "runs alone"
    else:
        memory = f" and {job.resources.memory_mb} MB" if job.resources.memory_mb else ""
        yield f"needs {counted(job.resources.cores, 'core')}{memory}"
    seconds, megabytes = job.limits.seconds, job.limits.memory_mb
    most = [
        format_duration(seconds) if seconds is not None else None,
        f"{megabytes} MB" if megabytes is not None else None,
    ]
    if any(most):
        yield f"is ended if it takes more than {' or '.join(filter(None, most))}"
