"""Figures and times as people read them, the same on the command line and in the dashboard."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.clock import format_duration, now, parse_timestamp, seconds_between
from core.records.job_states import JobState
from core.records.metrics import RUN_COLUMNS, Metric
from core.text import escape_control

if TYPE_CHECKING:
    from core.records.jobs import Job
    from core.records.results import Result
    from core.store.durations import Estimate


def megabytes(size: float) -> str:
    return f"{size / 1e6:.1f}"


def figure(value: float | None, digits: int) -> str:
    """A figure, or a dash for one that was not measured."""
    return "–" if value is None else f"{value:.{digits}f}"


def moment(stamp: str | None) -> str:
    """A time as the reader's clock shows it."""
    return parse_timestamp(stamp).astimezone().strftime("%Y-%m-%d %H:%M:%S") if stamp else "–"


def when(stamp: str) -> str:
    """The time of day for today, the day for what lies further back, the month for last year: short, for a table."""
    there = parse_timestamp(stamp).astimezone()
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
    """`1.16x 1.13–1.24`; a "~" behind it marks a run on a busy machine, a "!" what is worse than it was there.

    Without one, what stands in its place.
    """
    marks = " ~" * result.noisy + " !" * bool(result.regression)
    if result.speedup is None:
        return ("not yet run on a Mac" if result.engine == "coreml-evaluated" else "not measured") + marks
    return f"{result.speedup:.2f}x {interval(result)}".rstrip() + marks


_OCTAVES, _CELLS = 2, 5
RATIO_SCALE = "¼x        1x       4x"
"""The header of `ratio_bar`."""


def ratio_bar(result: Result) -> str:
    """A speed-up on a scale from a quarter over 1x, the upright line, to four times: a block, in its interval.

    Beyond the scale it stands at the scale's end.
    """
    if result.speedup is None:
        return ""
    low, high = result.speedup_ci or (result.speedup, result.speedup)
    first, middle, last = (_place(ratio) for ratio in (low, result.speedup, high))
    bar = ["─" if first <= cell <= last else "·" for cell in range(2 * _OCTAVES * _CELLS + 1)]
    one = _place(1.0)
    bar[one] = "┼" if first <= one <= last else "│"
    bar[middle] = "█"
    return "".join(bar)


def _place(ratio: float) -> int:
    octaves = min(max(math.log2(ratio), -_OCTAVES), _OCTAVES) if ratio > 0 else -_OCTAVES
    return round((octaves + _OCTAVES) * _CELLS)


def why_empty(result: Result) -> str:
    """Each reason once, behind the figures that it holds for."""
    names: dict[str, list[str]] = {}
    for name, reason in result.unmeasured.items():
        names.setdefault(reason, []).append(name)
    return "; ".join(f"{', '.join(named)} ({reason})" for reason, named in names.items())


_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """A bar for each value, from the lowest to the highest of them."""
    low, high = min(values), max(values)
    step = (high - low) / (len(_BARS) - 1)
    return "".join(_BARS[round((value - low) / step)] if step else _BARS[0] for value in values)


def metric_head(metric: Metric, separator: str = " ") -> str:
    """Return the head of a metric's column, which stands to the right."""
    return f">{metric.column(separator)}"


def metric_cell(result: Result, metric: Metric) -> str:
    """Return the cell of a metric's column; the speed-up has its interval and its marks with it."""
    return speedup(result) if metric.field == "speedup" else figure(metric.of(result), metric.column_digits)


RESULT_HEADERS = ("variant", *(metric_head(metric, "\n") for metric in RUN_COLUMNS), "sound")


def result_row(result: Result) -> tuple[str, ...]:
    return (result.variant, *(metric_cell(result, metric) for metric in RUN_COLUMNS), result.grade or "–")


def elapsed(job: Job, at: str | None = None) -> float:
    """Seconds since a running job was started, at a time or now; the clock may have been set back since."""
    return max(0.0, seconds_between(job.started_at, at or now())) if job.started_at else 0.0


def _seconds(job: Job) -> float | None:
    """What the last attempt took; rows of older versions tell only when it began and ended."""
    if job.seconds is not None:
        return job.seconds
    if not (job.started_at and job.finished_at):
        return None
    return max(0.0, seconds_between(job.started_at, job.finished_at))


def minutes(seconds: float) -> str:
    """Minutes and seconds, `3:20`."""
    whole, rest = divmod(round(seconds), 60)
    return f"{whole}:{rest:02}"


def took(job: Job) -> str:
    """Minutes and seconds that the last attempt took, a dash while there is no end."""
    seconds = _seconds(job)
    return "–" if seconds is None else minutes(seconds)


def bill(job: Job) -> str | None:
    """What the last attempt has cost: `12.3 s, 15.1 s of CPU, at most 820 MB`; None while there is no end."""
    seconds = _seconds(job)
    if seconds is None:
        return None
    cpu = f", {_exact(job.cpu_seconds)} of CPU" if job.cpu_seconds is not None else ""
    return _exact(seconds) + cpu + (f", at most {job.peak_mb:.0f} MB" if job.peak_mb is not None else "")


def _exact(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else format_duration(seconds)


def time_left(job: Job, expected: Estimate, at: str | None = None) -> str:
    """`about 40 s left, from 3 past runs`."""
    gone = elapsed(job, at)
    runs = f", from {counted(expected.runs, 'past run')}" if gone < expected.seconds else ""
    return expected.remaining(gone) + runs


def total_duration(estimates: Sequence[Estimate | None]) -> str:
    """Return how long jobs take one after the other."""
    known = [estimate.seconds for estimate in estimates if estimate]
    if not known:
        return "unknown (no past runs here)"
    more = "" if len(known) == len(estimates) else ", plus jobs that never ran here"
    return f"about {format_duration(sum(known))}{more}"


def job_name(job: Job) -> str:
    """`job 3: quantize dynamic-int8`."""
    return f"job {job.id}: {job.kind} {job.variant}" if job.variant else f"job {job.id}: {job.kind}"


def job_title(job: Job) -> str:
    """`job 3: quantize dynamic-int8, joe`."""
    return f"{job_name(job)}, {job.voice}"


def job_note(job: Job, waits_for: str | None, left: str | None = None) -> str:
    """What one wants to know of a job beside its state: why it waits, how far it is, how it went wrong."""
    if job.state == JobState.QUEUED:
        return waits_for or ""
    if job.cancel_asked and job.state == JobState.RUNNING:
        return "asked to end"
    if job.state == JobState.RUNNING:
        share = f" {job.progress:.0%}" if job.progress is not None else ""
        return f"{job.stage or 'starting'}{share}" + (f", {left}" if left else "")
    return job.error or ""


def counted(number: int | None, thing: str) -> str:
    """`1 thread`, `2 threads`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def id_list(ids: Sequence[int], most: int = 5) -> str:
    """`3, 4, 5`; of many the first ones, and how many more."""
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(map(str, ids[:most])) + more


def parameters(params: dict[str, Any]) -> str:
    """What a job or a recipe was asked for, without what was left open."""
    flat = {
        name: value
        for outer, given in params.items()
        for name, value in (given.items() if isinstance(given, dict) else [(outer, given)])
    }
    shown = {name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in flat.items()}
    return "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items() if value not in (None, ""))


def shortened(name: str, width: int = 28) -> str:
    """A name that leaves room for the other columns; the whole name stands in the details."""
    return name if len(name) <= width else name[: width - 1] + "…"


def hanging(label: str, text: str, width: int) -> str:
    """A text beside its label; what does not fit in the width stands below the text, not below the label."""
    lines = textwrap.wrap(escape_control(text), max(20, width - len(label)), break_on_hyphens=False)
    return "\n".join((label if number == 0 else " " * len(label)) + line for number, line in enumerate(lines or [""]))
