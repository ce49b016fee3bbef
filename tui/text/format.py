"""Formats of numbers, times and jobs, shared by the command line and the dashboard."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.clock import format_duration, now, parse_timestamp, seconds_between
from core.records.job_states import JobState
from core.records.metrics import METRICS, RUN_COLUMNS, Metric
from core.records.voices import ORIGINAL
from core.text import escape_control
from core.users import home_folder

if TYPE_CHECKING:
    from core.records.jobs import Job
    from core.records.results import Result
    from core.store.durations import Estimate


def megabytes(size: float) -> str:
    """Return a size in bytes as MB, without the unit."""
    return f"{size / 1e6:.1f}"


def decimal(value: float | None, digits: int) -> str:
    """Return a number with so many decimals, or a dash for None."""
    return "–" if value is None else f"{value:.{digits}f}"


def local_time(stamp: str | None) -> str:
    """Return a timestamp in local time, or a dash for None."""
    return parse_timestamp(stamp).astimezone().strftime("%Y-%m-%d %H:%M:%S") if stamp else "–"


def short_time(stamp: str) -> str:
    """Return a timestamp in a short form for tables: today's time, otherwise the day, or the month if it is older."""
    local = parse_timestamp(stamp).astimezone()
    today = datetime.now(local.tzinfo)
    if local.date() == today.date():
        return local.strftime("%H:%M")
    return local.strftime("%d %b" if today - local < timedelta(days=300) else "%b %Y")


BASELINE = "baseline"
"""What the original, which is graded against itself, has in place of a speed-up and of a grade."""


def sound(result: Result) -> str:
    """Return the grade of the sound, or a dash; the original is the baseline."""
    return BASELINE if result.variant == ORIGINAL else result.grade or "–"


def interval(result: Result) -> str:
    """Return the 95 % interval of the speed-up; "" for the original, whose speed-up is 1 by definition."""
    if result.speedup_ci is None or result.variant == ORIGINAL:
        return ""
    low, high = result.speedup_ci
    return f"{low:.2f}–{high:.2f}"


def speedup(result: Result) -> str:
    """Return `1.16x 1.13–1.24`, or why there is no speed-up; "~" marks noisy results, "!" regressions.

    The original is the baseline: its speed-up is 1 by definition.
    """
    if result.variant == ORIGINAL:
        return BASELINE + (" !" if result.regression else "")
    if result.speedup is not None:
        text = f"{result.speedup:.2f}x {interval(result)}".rstrip()
    elif result.engine == "coreml-evaluated":
        text = "not yet run on a Mac"
    else:
        text = "not measured"
    if result.noisy and (result.speedup is not None or result.engine != "coreml-evaluated"):
        text += " ~"
    if result.regression:
        text += " !"
    return text


_OCTAVES, _CELLS = 2, 5
RATIO_SCALE = "¼x        1x       4x"
"""The header of `ratio_bar`."""


def ratio_bar(result: Result) -> str:
    """Draw a speed-up on a scale from 1/4x to 4x: a block within its interval; 1x is a vertical line.

    Values beyond the scale are drawn at its end.
    """
    if result.speedup is None or result.variant == ORIGINAL:
        return ""
    low, high = result.speedup_ci or (result.speedup, result.speedup)
    first, middle, last = (_cell_of(ratio) for ratio in (low, result.speedup, high))
    bar = ["─" if first <= cell <= last else "·" for cell in range(2 * _OCTAVES * _CELLS + 1)]
    one = _cell_of(1.0)
    bar[one] = "┼" if first <= one <= last else "│"
    bar[middle] = "█"
    return "".join(bar)


def _cell_of(ratio: float) -> int:
    octaves = min(max(math.log2(ratio), -_OCTAVES), _OCTAVES) if ratio > 0 else -_OCTAVES
    return round((octaves + _OCTAVES) * _CELLS)


def unmeasured_reasons(result: Result) -> str:
    """Return the metrics that are None, grouped by reason: `peak memory, RTF (REASON)`."""
    labels = {metric.field: metric.label for metric in METRICS}
    names: dict[str, list[str]] = {}
    for name, reason in result.unmeasured.items():
        names.setdefault(reason, []).append(labels.get(name, name))
    return "; ".join(f"{', '.join(named)} ({reason})" for reason, named in names.items())


_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """Return a bar per value, scaled from the lowest to the highest value."""
    low, high = min(values), max(values)
    step = (high - low) / (len(_BARS) - 1)
    return "".join(_BARS[round((value - low) / step)] if step else _BARS[0] for value in values)


def metric_head(metric: Metric, separator: str = " ") -> str:
    """Return the header of the column of a metric; ">" aligns it to the right."""
    return f">{metric.column(separator)}"


def metric_cell(result: Result, metric: Metric) -> str:
    """Return a cell of the column of a metric; the speed-up includes its interval and marks."""
    return speedup(result) if metric.field == "speedup" else decimal(metric.value(result), metric.column_digits)


RESULT_HEADERS = ("variant", *(metric_head(metric, "\n") for metric in RUN_COLUMNS), "sound")


def result_row(result: Result) -> tuple[str, ...]:
    """Return the cells of a result under `RESULT_HEADERS`."""
    return (result.variant, *(metric_cell(result, metric) for metric in RUN_COLUMNS), sound(result))


def elapsed(job: Job, at: str | None = None) -> float:
    """Return the seconds since a running job started, at a time or now; never negative if the clock was set back."""
    return max(0.0, seconds_between(job.started_at, at or now())) if job.started_at else 0.0


def _seconds(job: Job) -> float | None:
    """Return the duration of the last attempt; older versions stored only its start and end."""
    if job.seconds is not None:
        return job.seconds
    if not (job.started_at and job.finished_at):
        return None
    return max(0.0, seconds_between(job.started_at, job.finished_at))


def short_duration(seconds: float) -> str:
    """Return minutes and seconds: `3:20`."""
    whole, rest = divmod(round(seconds), 60)
    return f"{whole}:{rest:02}"


def job_duration(job: Job) -> str:
    """Return the minutes and seconds that the last attempt took, or a dash if it has not ended."""
    seconds = _seconds(job)
    return "–" if seconds is None else short_duration(seconds)


def resource_usage(job: Job) -> str | None:
    """Return the usage of the last attempt: `12.3 s, 15.1 s CPU, peak 820 MB`; None if it has not ended."""
    seconds = _seconds(job)
    if seconds is None:
        return None
    usage = [_exact(seconds)]
    if job.cpu_seconds is not None:
        usage.append(f"{_exact(job.cpu_seconds)} CPU")
    if job.peak_mb is not None:
        usage.append(f"peak {job.peak_mb:.0f} MB")
    return ", ".join(usage)


def _exact(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else format_duration(seconds)


def time_left(job: Job, expected: Estimate, at: str | None = None) -> str:
    """Return `about 40 s left, from 3 past runs`."""
    passed = elapsed(job, at)
    basis = f", from {counted(expected.runs, 'past run')}" if passed < expected.seconds else ""
    return expected.remaining(passed) + basis


def total_duration(estimates: Sequence[Estimate | None]) -> str:
    """Return how long jobs take one after the other."""
    known = [estimate.seconds for estimate in estimates if estimate]
    if not known:
        return "unknown (no past runs here)"
    more = "" if len(known) == len(estimates) else ", plus jobs that never ran here"
    return f"about {format_duration(sum(known))}{more}"


def job_name(job: Job) -> str:
    """Return `job 3: quantize dynamic-int8`."""
    return f"job {job.id}: {job.kind} {job.variant}" if job.variant else f"job {job.id}: {job.kind}"


def job_title(job: Job) -> str:
    """Return `job 3: quantize dynamic-int8, joe`."""
    return f"{job_name(job)}, {job.voice}"


PAUSING = "pausing, once its progress is saved"
"""What a running job that is paused does."""


def job_note(job: Job, waits_for: str | None, left: str | None = None) -> str:
    """Return the note on a job next to its state: why it waits, its progress, or its error."""
    if job.state == JobState.QUEUED:
        done = f"at {job.progress:.0%}, " if job.paused and job.progress is not None else ""
        return done + (waits_for or "")
    if job.interrupted:
        return "its worker died: the next one continues"
    return _running_note(job, left) if job.state == JobState.RUNNING else job.error or ""


def _running_note(job: Job, left: str | None) -> str:
    if job.cancel_asked:
        return "cancelling"
    if job.pausing:
        return PAUSING
    share = f" {job.progress:.0%}" if job.progress is not None else ""
    return f"{job.stage or 'starting'}{share}" + (f", {left}" if left else "")


def counted(number: int | None, thing: str) -> str:
    """Return `1 thread` or `2 threads`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def id_list(ids: Sequence[int], limit: int = 5) -> str:
    """Return `3, 4, 5`, or the first ids and the number of the others: `3, 4, 5, 6, 7 and 2 more`."""
    more = f" and {len(ids) - limit} more" if len(ids) > limit else ""
    return ", ".join(map(str, ids[:limit])) + more


def parameters(params: dict[str, Any]) -> str:
    """Return the parameters of a job or recipe that are set: `window 5; threads 1, 2`."""
    flat = {
        name: value
        for outer, given in params.items()
        for name, value in (given.items() if isinstance(given, dict) else [(outer, given)])
    }
    shown = {name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in flat.items()}
    return "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items() if value not in (None, ""))


def shortened(name: str, width: int = 28) -> str:
    """Shorten a name to at most `width` characters."""
    return name if len(name) <= width else name[: width - 1] + "…"


def hanging_indent(label: str, text: str, width: int) -> str:
    """Wrap a text next to its label, with continuation lines indented below the text."""
    lines = textwrap.wrap(escape_control(text), max(20, width - len(label)), break_on_hyphens=False)
    return "\n".join((label if number == 0 else " " * len(label)) + line for number, line in enumerate(lines or [""]))


def short_path(path: Path) -> str:
    """Return a path with `~` for the home folder, if that is known."""
    home = home_folder()
    return f"~/{path.relative_to(home)}" if home and path.is_relative_to(home) and path != home else str(path)
