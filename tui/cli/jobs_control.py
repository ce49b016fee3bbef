"""The commands of `ttsdash jobs` that change the queue."""

import sys
import time
from collections.abc import Sequence
from functools import partial

import click

from core.errors import InvalidInput
from core.files import remove_path
from core.records.job_states import ENDED, JobEventKind
from core.report.job_json import job_json
from core.settings import read_settings
from core.store import queue_control
from core.store.jobs import count_jobs, get_job, list_events
from core.variants.recipes import read_params
from jobs.edit import JobEdit, edit_job
from jobs.liveness import observed
from jobs.queue_state import queue_position
from jobs.scheduling import default_limits
from jobs.submit import wake
from jobs.worker_control import ensure_worker, reap_cancelled, worker_status
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.cli.scheduling import not_before, scheduling_options
from tui.json_output import RemovedJobsJson, cancelled_jobs_json, moved_job_json
from tui.text.format import counted, id_list

_CANCEL_S = 5.0
_POLL_INTERVAL_S = 0.05

_one = click.argument("job_id", type=int, metavar="ID")
several_ids = click.argument(
    "job_ids", type=int, nargs=-1, metavar="[ID]...", callback=lambda _, __, ids: tuple(dict.fromkeys(ids))
)


@click.command(cls=Command)
@several_ids
@click.option("--all", "every", is_flag=True, help="All queued and running jobs.")
@pass_session
def cancel(session: Session, job_ids: tuple[int, ...], every: bool) -> None:
    """Cancel the jobs ID and the jobs that wait for them."""
    _check_which(job_ids, every, "--all")
    if every:
        waiting, asked = queue_control.cancel_all(session.db)
    else:
        waiting, asked = 0, queue_control.cancel_jobs(session.db, job_ids)
    _await_ends(session, asked)
    jobs = observed((get_job(session.db, job_id) for job_id in (asked if every else job_ids)), session.workspace)
    if session.as_json:
        if every:
            session.print_json(cancelled_jobs_json(waiting, jobs))
        elif len(jobs) > 1:
            session.print_json([job_json(job) for job in jobs])
        else:
            session.print_json(job_json(jobs[0]))
        return
    if waiting:
        print_line(f"{counted(waiting, 'queued job')} cancelled")
    elif every and not jobs:
        print_line("no job is queued or running")
    for job in jobs:
        print_line(f"job {job.id}: {job.state if job.ended else f'cancelling, but still {job.shown_state}'}")


def _await_ends(session: Session, job_ids: Sequence[int]) -> None:
    deadline = time.monotonic() + _CANCEL_S
    while any(not get_job(session.db, job_id).ended for job_id in job_ids) and time.monotonic() < deadline:
        if not worker_status(session.workspace).running:
            reap_cancelled(session.workspace)
        time.sleep(_POLL_INTERVAL_S)


@click.command(cls=Command)
@several_ids
@click.option("--failed", is_flag=True, help="All failed jobs.")
@pass_session
def retry(session: Session, job_ids: tuple[int, ...], failed: bool) -> None:
    """Requeue failed or cancelled jobs, and the jobs that were cancelled because of them."""
    _check_which(job_ids, failed, "--failed")
    limits = default_limits(read_settings(session.workspace))
    again = (
        partial(queue_control.retry_failed, session.db)
        if failed
        else partial(queue_control.retry, session.db, *job_ids)
    )
    ids = again(limits=limits)
    if ids:
        wake(session.workspace)
        ensure_worker(session.workspace)
    if session.as_json:
        session.print_json([job_json(get_job(session.db, job_id)) for job_id in ids])
    else:
        print_line(f"requeued: job {id_list(ids)}" if ids else "no job has failed")


def _check_which(job_ids: Sequence[int], every: bool, flag: str) -> None:
    if bool(job_ids) == every:
        raise InvalidInput(f"say which jobs: their ids, or {flag}")


@click.command(cls=Command)
@_one
@click.option("--first", is_flag=True, help="To the front of the queue.")
@click.option("--last", is_flag=True, help="To the end of the queue.")
@click.option("--before", type=int, metavar="OTHER", help="Right before job OTHER.")
@pass_session
def move(session: Session, job_id: int, first: bool, last: bool, before: int | None) -> None:
    """Move the queued job ID. It takes the priority of the jobs there."""
    if first + last + (before is not None) != 1:
        raise InvalidInput("say where to: --first, --last or --before OTHER")
    if before is not None:
        queue_control.move_before(session.db, job_id, before)
    elif first:
        queue_control.move_first(session.db, job_id)
    else:
        queue_control.move_last(session.db, job_id)
    wake(session.workspace)
    job = get_job(session.db, job_id)
    position, total = queue_position(session.db, job)
    if session.as_json:
        session.print_json(moved_job_json(job, position))
    else:
        print_line(f"job {job_id}: position {position} of {total}")


@click.command(cls=Command)
@_one
@click.option("--param", "params", multiple=True, metavar="K=V", help="A parameter of the recipe; may be repeated.")
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="NAME",
    help="A variant that the benchmark measures; may be repeated.",
)
@click.option("--threads", multiple=True, type=int, metavar="N", help="Benchmark at N threads; may be repeated.")
@scheduling_options
@click.option("--no-after", is_flag=True, help="Do not wait for other jobs.")
@click.option("--now", is_flag=True, help="Do not wait for a time.")
@pass_session
def edit(
    session: Session,
    job_id: int,
    params: tuple[str, ...],
    variants: tuple[str, ...],
    threads: tuple[int, ...],
    priority: int | None,
    after: tuple[int, ...],
    at: str | None,
    span: str | None,
    no_after: bool,
    now: bool,
) -> None:
    """Change the queued job ID."""
    if after and no_after:
        raise InvalidInput("--after and --no-after exclude each other: give one of them")
    moment = not_before(at, span)
    if moment and now:
        raise InvalidInput("--now excludes --at and --in: give one of them")
    changes = JobEdit(
        params=read_params(params),
        variants=variants,
        threads=threads,
        priority=priority,
        after=after or (() if no_after else None),
        not_before=moment,
        clear_not_before=now,
    )
    edit_job(session.workspace, session.db, job_id, changes)
    if session.as_json:
        session.print_json(job_json(get_job(session.db, job_id)))
    else:
        edited = [event for event in list_events(session.db, job_id) if event.event == JobEventKind.EDITED]
        print_line(f"job {job_id}: {edited[-1].detail}")


@click.command(cls=Command)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_session
def clean(session: Session, yes: bool) -> None:
    """Delete ended jobs and their logs. Variants and results are kept."""
    count = sum(number for state, number in count_jobs(session.db).items() if state in ENDED)
    if count and not yes:
        what = f"delete {counted(count, 'ended job')} and their logs"
        if session.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise InvalidInput(f"no terminal to ask for confirmation: add --yes to {what}")
        if not click.confirm(f"{what}? Variants and results are kept.", prompt_suffix=" "):
            print_line("nothing was deleted")
            return
    ids = queue_control.forget_ended(session.db)
    for job_id in ids:
        log = session.workspace.job_log(job_id)
        log.unlink(missing_ok=True)
        log.with_suffix(".log.1").unlink(missing_ok=True)
        remove_path(session.workspace.training(job_id))
    if session.as_json:
        session.print_json(RemovedJobsJson(removed=len(ids)))
    else:
        print_line(f"deleted: {counted(len(ids), 'job')}" if ids else "no job has ended")
