"""`ttsdash worker`: the background process that runs jobs."""

import logging
import sqlite3
from collections.abc import Sequence

import click

from core import program_version
from core.clock import format_duration
from core.errors import TtsdashError
from core.hardware.limits import describe_limits
from core.records.job_states import JobState
from core.store.jobs import count_jobs, paused_ids
from core.store.lifecycle import is_paused
from jobs.hook import is_hook_running
from jobs.lock import ALREADY_RUNNING, is_unresponsive, running_worker
from jobs.queue_state import PAUSED_REASON
from jobs.worker_control import WorkerStatus, start_worker, stop_worker, worker_status
from tui.cli.context import DefaultCommandGroup, Session, pass_session
from tui.cli.output import print_line, print_note
from tui.cli.service import install, slots_option, uninstall, warn_of_logout
from tui.json_output import worker_json
from tui.text.format import counted, id_list, local_time


@click.group(cls=DefaultCommandGroup, default="status")
def worker() -> None:
    """Control the worker, which runs the jobs in the background."""


worker.add_command(install)
worker.add_command(uninstall)


@worker.command()
@slots_option
@pass_session
def run(session: Session, slots: int | None) -> None:
    """Run in the foreground until Ctrl-C (once: finish running jobs; twice: requeue them)."""
    from jobs.worker import default_slots, run_worker

    session.workspace.prepare()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("huey").setLevel(logging.WARNING)
    if run_worker(session.workspace, slots or default_slots()) == ALREADY_RUNNING:
        raise TtsdashError(f"a worker is already running in {session.workspace.root}: see `ttsdash worker status`")


@worker.command()
@slots_option
@pass_session
def start(session: Session, slots: int | None) -> None:
    """Start the worker in the background; it keeps running when the terminal is closed."""
    info, started = start_worker(session.workspace, slots)
    if info.stopping:
        raise TtsdashError(f"the worker (pid {info.pid}) is stopping: start one once it has stopped")
    if session.as_json:
        _print_json(session)
    else:
        state, lifetime = ("started", "") if started else ("already running", f"; {_lifetime(info.idle_s)}")
        print_line(f"worker {state}, pid {info.pid}, {counted(info.slots, 'slot')}{lifetime}")
    if started:
        warn_of_logout(session, info.pid)


@worker.command()
@click.option("--now", is_flag=True, help="Do not wait for running jobs: requeue them.")
@pass_session
def stop(session: Session, now: bool) -> None:
    """Stop the worker when its running jobs have ended."""
    running = _running_jobs(session)
    if not now:
        _explain_wait(session, running)
    info = stop_worker(session.workspace, at_once=now)
    if session.as_json:
        _print_json(session)
    else:
        requeued = f"; requeued: job {', '.join(map(str, running))}" if now and running else ""
        print_line(f"worker stopped, pid {info.pid}{requeued}" if info else "no worker is running")


def _running_jobs(session: Session) -> tuple[int, ...]:
    """Return the ids of the running jobs; none if the store is unusable, since stopping a worker does not need it."""
    try:
        return worker_status(session.workspace).jobs
    except (TtsdashError, sqlite3.Error):
        return ()


def _explain_wait(session: Session, running: Sequence[int]) -> None:
    if is_unresponsive(session.workspace) and running_worker(session.workspace):
        print_note("the worker has been unresponsive for a minute: --now kills it")
    elif running:
        ids = ", ".join(map(str, running))
        print_note(f"waiting for job {ids} to end (--now requeues it)")
    elif running_worker(session.workspace) and is_hook_running(session.workspace):
        print_note("waiting for the hook to end (--now kills it)")


@worker.command(only_prints=True)
@pass_session
def status(session: Session) -> None:
    """Show whether a worker is running, and which jobs it runs."""
    if session.as_json:
        _print_json(session)
        return
    found, (waiting, paused) = worker_status(session.workspace), _count_waiting(session)
    if found.running:
        _print_running(found)
    else:
        print_line("no worker is running: start one with `ttsdash worker start`")
    if found.interrupted:
        which = id_list(found.interrupted)
        print_line(f"job {which}: interrupted, since the last worker died; the next one runs it again")
    if waiting:
        print_line(f"{counted(waiting, 'job')} {'waits' if waiting == 1 else 'wait'}")
    if paused:
        print_line(f"{counted(paused, 'job')} {'is' if paused == 1 else 'are'} paused")
    if is_paused(session.db):
        print_line(PAUSED_REASON)


def _print_running(found: WorkerStatus) -> None:
    jobs = ", ".join(map(str, found.jobs))
    activity = f"on job {jobs}" if jobs else "idle"
    where = f" on {found.host}" if found.host else ""
    print_line(f"worker {activity}: pid {found.pid}{where}, since {local_time(found.since)}, ttsdash {found.version}")
    print_line(f"{counted(found.slots, 'slot')}, {counted(found.cores, 'core')}, {found.memory_mb} MB of memory")
    if found.limits and found.limits.words:
        print_line(f"limits: {describe_limits(found.limits)}")
    after = f" after job {jobs}" if jobs else ""
    print_line(f"starts no further job, and stops{after}" if found.stopping else _lifetime(found.idle_s))
    if found.unresponsive:
        print_line("unresponsive for a minute: `ttsdash worker start` replaces it")
    installed = program_version()
    if found.version != installed:
        print_line(f"ttsdash {installed} is installed: run `ttsdash worker stop && ttsdash worker start`")


def _lifetime(idle_s: float | None) -> str:
    if idle_s is None:
        return "runs until it is stopped"
    return f"stops after {format_duration(idle_s)} without a job"


def _print_json(session: Session) -> None:
    session.print_json(worker_json(worker_status(session.workspace), is_paused(session.db), *_count_waiting(session)))


def _count_waiting(session: Session) -> tuple[int, int]:
    """Return how many jobs are queued and not paused, and how many are paused."""
    paused = len(paused_ids(session.db))
    return count_jobs(session.db).get(JobState.QUEUED, 0) - paused, paused
