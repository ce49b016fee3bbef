"""The commands `ttsdash jobs pause` and `resume`: of the queue, or of single jobs."""

from collections.abc import Sequence

import click

from core.records.jobs import Job
from core.report.job_json import job_json
from core.store import pausing, queue_control
from core.store.jobs import get_job
from jobs.liveness import observed
from jobs.pausing import pause_jobs
from jobs.queue_state import read_queue_state, waiting_reason
from jobs.submit import wake
from jobs.worker_control import ensure_worker
from tui.cli.context import Command, Session, pass_session
from tui.cli.jobs_control import several_ids
from tui.cli.output import print_line
from tui.json_output import PausedJson


@click.command(cls=Command)
@several_ids
@pass_session
def pause(session: Session, job_ids: tuple[int, ...]) -> None:
    """Pause the queue, or only the jobs ID.

    While the queue is paused, running jobs continue and no further job starts. A paused job does not start, while others do.
    Of the running jobs only a distillation and a search for number formats can be paused: they end once their progress is
    saved, and go on from there when they are resumed.
    """
    if not job_ids:
        _pause_queue(session)
        return
    new = pause_jobs(session.workspace, session.db, job_ids)
    jobs = _read(session, job_ids)
    if session.as_json:
        _print_json(session, jobs)
        return
    for job in jobs:
        fix = f"resume it with `{session.program} jobs resume {job.id}`"
        if job.pausing:
            print_line(f"job {job.id}: pausing, it runs until its progress is saved; then {fix}")
        else:
            print_line(f"job {job.id} {'is' if job.id in new else 'was already'} paused: {fix}")


def _pause_queue(session: Session) -> None:
    changed = queue_control.pause(session.db)
    if session.as_json:
        session.print_json(PausedJson(paused=True))
    else:
        print_line(
            f"the queue {'is' if changed else 'was already'} paused: resume it with `{session.program} jobs resume`"
        )


@click.command(cls=Command)
@several_ids
@pass_session
def resume(session: Session, job_ids: tuple[int, ...]) -> None:
    """Resume the queue, or only the jobs ID, after `pause`. A job starts in its turn."""
    if not job_ids:
        _resume_queue(session)
        return
    resumed = pausing.resume_jobs(session.db, job_ids)
    if resumed:
        wake(session.workspace)
        ensure_worker(session.workspace)
    jobs = _read(session, job_ids)
    if session.as_json:
        _print_json(session, jobs)
        return
    queue = read_queue_state(session.workspace, session.db)
    for job in jobs:
        reason = waiting_reason(job, queue)
        waits = f", it waits: {reason}" if reason else ""
        print_line(f"job {job.id} {'is resumed' if job.id in resumed else 'was not paused'}{waits}")


def _resume_queue(session: Session) -> None:
    changed = queue_control.resume(session.db)
    wake(session.workspace)
    ensure_worker(session.workspace)
    if session.as_json:
        session.print_json(PausedJson(paused=False))
    else:
        print_line("the queue is resumed" if changed else "the queue was not paused")


def _read(session: Session, job_ids: Sequence[int]) -> list[Job]:
    return observed((get_job(session.db, job_id) for job_id in job_ids), session.workspace)


def _print_json(session: Session, jobs: Sequence[Job]) -> None:
    session.print_json([job_json(job) for job in jobs] if len(jobs) > 1 else job_json(jobs[0]))
