"""`ttsdash jobs`: shows the queue. `tui.cli.jobs_control` has the commands that change it."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence

import click

from core.clock import format_duration
from core.errors import InvalidInput, NotFound
from core.records.job_states import INTERRUPTED, OPEN, PAUSED, JobEventKind, JobState
from core.records.jobs import Job
from core.report.job_json import job_json
from core.store.durations import Estimate, estimate
from core.store.jobs import count_jobs, get_job, list_events, list_jobs, open_ids
from jobs.liveness import observed, paused_only, stored_states
from jobs.queue_state import QueueState, queue_position, read_queue_state, stalled_reason, waiting_reason
from tui.cli.context import DefaultCommandGroup, Session, pass_session
from tui.cli.jobs_control import cancel, clean, edit, move, retry
from tui.cli.output import print_facts, print_line, print_table
from tui.cli.pausing import pause, resume
from tui.cli.progress import follow, print_failures, time_left_of
from tui.json_output import job_details_json
from tui.streams import require_output
from tui.text.format import (
    counted,
    id_list,
    job_duration,
    job_note,
    local_time,
    parameters,
    resource_usage,
    short_time,
    time_left,
)

_LATEST = 200
# Narrower terminals have no room for notes.
_MIN_WIDTH_FOR_NOTES = 120
_POLL_INTERVAL_S = 0.05


@click.group(cls=DefaultCommandGroup, default="list")
def jobs() -> None:
    """Show and control the queue: running, queued and ended jobs.

    The default command is `list`, whose options may be given directly: `ttsdash jobs --since-last`.
    """


for command in (cancel, retry, pause, resume, move, edit, clean):
    jobs.add_command(command)


@jobs.command("list", only_prints=True)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([*(state.value for state in JobState), INTERRUPTED, PAUSED]),
    help="List only jobs in this state; may be repeated.",
)
@click.option(
    "--limit", type=click.IntRange(1, 10**6), metavar="N", help=f"List the newest N jobs (default: {_LATEST})."
)
@click.option(
    "--since-last", is_flag=True, help="Show what has happened since you last looked, here or in the dashboard."
)
@pass_session
def list_(session: Session, states: tuple[str, ...], limit: int | None, since_last: bool) -> None:
    """List the jobs, newest first."""
    if since_last:
        from tui.cli.activity import print_activity

        if states or limit:
            raise InvalidInput("--since-last takes neither --state nor --limit")
        print_activity(session)
        return
    asked, paused = stored_states(states, session.workspace), paused_only(states)
    found = _list(session, asked, limit or _LATEST, paused) if asked or not states else []
    if session.as_json:
        session.print_json([job_json(job) for job in found])
        return
    queue, counts = read_queue_state(session.workspace, session.db), count_jobs(session.db)
    if not found and states:
        print_line(f"no job is {' or '.join(states)}")
    else:
        _print_jobs(session, found, queue)
    total = sum(count for state, count in counts.items() if not states or state in asked)
    if paused is not None:
        total -= counts.get(JobState.QUEUED, 0) - len(queue.paused_jobs) if paused else len(queue.paused_jobs)
    if total > len(found):
        print_line(f"and {total - len(found)} more (list all with `--limit {total}`)")
    why = stalled_reason(queue)
    if why and (queue.paused or any(state in counts for state in OPEN)):
        print_line()
        print_line(why)


def _list(session: Session, states: Sequence[JobState], limit: int, paused: bool | None) -> list[Job]:
    return observed(list_jobs(session.db, states, limit, paused), session.workspace)


def _print_jobs(session: Session, found: Sequence[Job], queue: QueueState) -> None:
    roomy = not sys.stdout.isatty() or shutil.get_terminal_size().columns >= _MIN_WIDTH_FOR_NOTES
    notes = {job.id: job_note(job, waiting_reason(job, queue), time_left_of(session.db, job)) for job in found}
    columns: dict[str, Callable[[Job], str] | None] = {
        ">id": lambda job: str(job.id),
        "kind": lambda job: job.kind,
        "voice": lambda job: job.voice,
        "variant": lambda job: job.variant or "–",
        "state": lambda job: job.shown_state,
        ">att.": lambda job: str(job.attempt),
        ">prio.": (lambda job: str(job.priority)) if any(job.priority for job in found) else None,
        "created": lambda job: local_time(job.created_at) if roomy else short_time(job.created_at),
        ">took": job_duration,
        "note": (lambda job: notes[job.id]) if roomy else None,
    }
    shown = {header: cell for header, cell in columns.items() if cell}
    print_table(
        tuple(shown),
        [[cell(job) for cell in shown.values()] for job in found],
        empty="no jobs yet: queue some with `ttsdash optimize --model PATH.onnx --dynamic --benchmark`",
        gap=2 if roomy else 1,
    )
    if not roomy:
        _print_notes(notes)


def _print_notes(notes: dict[int, str]) -> None:
    """Print each note once, after the ids of its jobs."""
    by_note: dict[str, list[int]] = {}
    for job_id, note in notes.items():
        by_note.setdefault(note, []).append(job_id)
    by_note.pop("", None)
    if by_note:
        print_line()
    for note, ids in by_note.items():
        print_line(f"job {id_list(ids)}: {note}")


@jobs.command(only_prints=True)
@click.argument("job_id", type=int, metavar="ID")
@pass_session
def show(session: Session, job_id: int) -> None:
    """Show job ID and its history."""
    from core.hardware.machine import this_machine

    (job,) = observed([get_job(session.db, job_id)], session.workspace)
    events = list_events(session.db, job_id)
    waits = waiting_reason(job, read_queue_state(session.workspace, session.db))
    position = queue_position(session.db, job) if job.state == JobState.QUEUED else None
    expected = None if job.ended else estimate(session.db, job, this_machine().id)
    if session.as_json:
        session.print_json(job_details_json(job, events, waits, position[0] if position else None, expected))
        return
    print_facts(
        [
            ("job", str(job.id)),
            ("kind", job.kind),
            ("voice", job.voice),
            ("variant", job.variant),
            ("parameters", parameters(job.params)),
            ("state", job.shown_state),
            ("pausing", "once its progress is saved" if job.pausing else None),
            ("stage", job.stage),
            ("progress", f"{job.progress:.0%}" if job.progress is not None else None),
            ("attempt", str(job.attempt)),
            ("priority", str(job.priority)),
            ("after", ", ".join(map(str, job.after)) or None),
            ("not before", local_time(job.not_before) if job.not_before else None),
            ("position", f"{position[0]} of {position[1]}" if position else None),
            ("waits", waits),
            ("expected", _expected(job, expected)),
            (
                "needs",
                "to run alone"
                if job.resources.exclusive
                else f"{counted(job.resources.cores, 'core')}, {job.resources.memory_mb} MB",
            ),
            ("limits", _limits(job)),
            ("uses", _usage(job)),
            ("took", resource_usage(job)),
            ("error", job.error),
            ("results", ", ".join(entry[:8] for entry in (job.result or {}).get("results", [])) or None),
            ("log", str(session.workspace.job_log(job.id))),
        ]
    )
    print_line()
    for event in events:
        attempt = f", attempt {event.attempt}" if event.event == JobEventKind.STARTED else ""
        print_line(f"{local_time(event.at)}  {event.event}{attempt}" + (f": {event.detail}" if event.detail else ""))


def _expected(job: Job, expected: Estimate | None) -> str | None:
    if expected is None:
        return None
    return time_left(job, expected) if job.state == JobState.RUNNING and not job.interrupted else str(expected)


def _limits(job: Job) -> str | None:
    seconds = format_duration(job.limits.seconds) if job.limits.seconds is not None else None
    memory = f"{job.limits.memory_mb} MB" if job.limits.memory_mb is not None else None
    return ", ".join(filter(None, (seconds, memory))) or None


def _usage(job: Job) -> str | None:
    """Return what a running job currently uses."""
    if job.cpu_percent is None or job.rss_mb is None:
        return None
    return f"{job.cpu_percent:.0f} % of a core, {job.rss_mb:.0f} MB"


@jobs.command(only_prints=True)
@click.argument("job_id", type=int, metavar="ID")
@click.option("-f", "--follow", "keep_following", is_flag=True, help="Keep printing until the job has ended.")
@pass_session
def logs(session: Session, job_id: int, keep_following: bool) -> None:
    """Print the log of job ID."""
    get_job(session.db, job_id)
    path = session.workspace.job_log(job_id)
    while keep_following and not path.exists() and not get_job(session.db, job_id).ended:
        time.sleep(_POLL_INTERVAL_S)
    if not path.exists():
        raise NotFound(f"job {job_id} has no log: it has not run yet, or the log was removed")
    with path.open("rb") as file:
        while True:
            # Checked before reading, so that lines written in between are read in the next round.
            last_round = not keep_following or get_job(session.db, job_id).ended
            if os.fstat(file.fileno()).st_size < file.tell():
                file.seek(0)  # the log grew too large and was rotated
            for line in file:
                if not line.endswith(b"\n") and not last_round:
                    file.seek(-len(line), os.SEEK_CUR)
                    break
                print_line(line.decode(errors="replace").rstrip("\n"))
                require_output()
            if last_round:
                return
            time.sleep(_POLL_INTERVAL_S)


@jobs.command()
@click.argument("job_ids", type=int, nargs=-1, metavar="[ID]...")
@pass_session
def wait(session: Session, job_ids: tuple[int, ...]) -> None:
    """Wait until the jobs (default: all that have not ended) have ended. Exit with 1 if one did not succeed."""
    ids = [get_job(session.db, job_id).id for job_id in job_ids] or open_ids(session.db)
    ended = follow(session.workspace, session.db, ids) if ids else []
    if session.as_json:
        session.print_json([job_json(job) for job in ended])
    elif not ids:
        print_line("no job is queued or running")
    else:
        print_failures(ended)
    if any(job.state != JobState.SUCCEEDED for job in ended):
        raise SystemExit(1)
