"""Figures and times as people read them, the same on the command line and in the dashboard."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.clock import parse, seconds_between

if TYPE_CHECKING:
    from core.store.jobs import Job
    from core.store.results import Result


def megabytes(size: float) -> str:
    return f"{size / 1e6:.1f}"


def figure(value: float | None, digits: int) -> str:
    """A figure, or a dash for one that was not measured."""
    return "–" if value is None else f"{value:.{digits}f}"


def moment(stamp: str | None) -> str:
    """A time as the reader's clock shows it."""
    return parse(stamp).astimezone().strftime("%Y-%m-%d %H:%M:%S") if stamp else "–"


def when(stamp: str) -> str:
    """The time of day for today, the day for what lies further back, the month for last year: short, for a table."""
    there = parse(stamp).astimezone()
    today = datetime.now(there.tzinfo)
    if there.date() == today.date():
        return there.strftime("%H:%M")
    return there.strftime("%d %b" if today - there < timedelta(days=300) else "%b %Y")


def interval(result: Result) -> str:
    """The 95 % interval of the speed-up; the original, which all are measured by, has none."""
    if result.speedup_ci is None or result.variant == "original":
        return ""
    low, high = result.speedup_ci
    return f"{low:.2f}–{high:.2f}"


def speedup(result: Result) -> str:
    """`1.16x 1.13–1.24`; a "~" behind it marks a run on a busy machine. Without one, what stands in its place."""
    if result.speedup is None:
        return "not yet run on a Mac" if result.engine == "coreml-evaluated" else "not measured"
    return f"{result.speedup:.2f}x {interval(result)}".rstrip() + (" ~" if result.noisy else "")


RESULT_HEADERS = ("variant", ">MB", ">speed-up, 95 %", ">RTF", ">peak\nMB", ">PESQ", ">drift\n%", "sound")


def result_row(result: Result) -> tuple[str, ...]:
    return (
        result.variant,
        megabytes(result.size_bytes),
        speedup(result),
        figure(result.rtf, 3),
        figure(result.peak_rss_mb, 0),
        figure(result.pesq, 2),
        figure(result.duration_drift_pct, 1),
        result.grade or "–",
    )


def took(job: Job) -> str:
    """Minutes and seconds that the last attempt took, a dash while there is no end."""
    if not (job.started_at and job.finished_at):
        return "–"
    minutes, seconds = divmod(round(seconds_between(job.started_at, job.finished_at)), 60)
    return f"{minutes}:{seconds:02}"


def span(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def job_title(job: Job) -> str:
    """`job 3: quantize dynamic-int8, joe`."""
    what = f"{job.kind} {job.variant}" if job.variant else job.kind
    return f"job {job.id}: {what}, {job.voice}"


def job_note(job: Job, waits_for: str | None) -> str:
    """What one wants to know of a job beside its state."""
    if job.error:
        return job.error
    if job.state == "running":
        share = f" {job.progress:.0%}" if job.progress is not None else ""
        return f"{job.stage or ''}{share}"
    return waits_for or ""


def counted(number: int | None, thing: str) -> str:
    """`1 thread`, `2 threads`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def parameters(params: dict[str, Any]) -> str:
    """What a job or a recipe was asked for, without what was left open."""
    shown = {name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in params.items()}
    return "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items() if value not in (None, ""))


def shortened(name: str, width: int = 28) -> str:
    """A name that leaves room for the other columns; the whole name stands in the details."""
    return name if len(name) <= width else name[: width - 1] + "…"
