"""A job as JSON, for scripts and for the hook."""

from typing import Annotated, Any, TypedDict

from core.records.jobs import Job


class JobJson(TypedDict):
    """A queued unit of work."""

    id: int
    kind: Annotated[str, "`quantize`, `convert` or `benchmark`"]
    voice: str
    variant: str | None
    params: dict[str, Any]
    state: Annotated[
        str, "`queued`, `paused`, `running`, `interrupted` (its worker died), `succeeded`, `failed` or `cancelled`"
    ]
    stage: str | None
    progress: Annotated[float | None, "0 to 1"]
    attempt: int
    priority: int
    after: Annotated[list[int], "ids of the jobs that must succeed first"]
    waits_for: Annotated[list[int], "those of `after` that have not ended"]
    not_before: str | None
    paused_at: Annotated[str | None, "when it was paused; while it runs, it ends once its progress is saved"]
    created_at: str
    started_at: str | None
    finished_at: str | None
    error: str | None
    result: dict[str, Any] | None
    cores: Annotated[int, "cores that it needs"]
    memory_mb: Annotated[int, "memory that it needs"]
    exclusive: Annotated[bool, "whether no other job may run at the same time"]
    time_limit_s: int | None
    memory_limit_mb: int | None
    cpu_percent: Annotated[float | None, "of one core, while it runs"]
    rss_mb: Annotated[float | None, "memory of all its processes, while it runs"]
    seconds: Annotated[float | None, "wall time, by a monotonic clock"]
    cpu_seconds: float | None
    peak_mb: Annotated[float | None, "peak memory of all its processes"]


def job_json(job: Job) -> JobJson:
    """Return a job with the keys that scripts rely on."""
    return {
        "id": job.id,
        "kind": job.kind,
        "voice": job.voice,
        "variant": job.variant,
        "params": job.params,
        "state": job.shown_state,
        "stage": job.stage,
        "progress": job.progress,
        "attempt": job.attempt,
        "priority": job.priority,
        "after": list(job.after),
        "waits_for": list(job.waits_for),
        "not_before": job.not_before,
        "paused_at": job.paused_at,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "error": job.error,
        "result": job.result,
        "cores": job.resources.cores,
        "memory_mb": job.resources.memory_mb,
        "exclusive": job.resources.exclusive,
        "time_limit_s": job.limits.seconds,
        "memory_limit_mb": job.limits.memory_mb,
        "cpu_percent": job.cpu_percent,
        "rss_mb": job.rss_mb,
        "seconds": job.seconds,
        "cpu_seconds": job.cpu_seconds,
        "peak_mb": job.peak_mb,
    }
