"""`ttsdash worker`: the daemon."""

import logging
import sqlite3
from collections.abc import Sequence

import click

from core import program_version
from core.clock import format_duration
from core.errors import TtsdashError
from core.records.job_states import JobState
from core.store.jobs import count_jobs
from core.store.lifecycle import is_paused
from jobs.hook import hook_runs
from jobs.lock import ALREADY_RUNNING, is_unresponsive, running_worker
from jobs.queue_state import PAUSED
from jobs.worker_control import WorkerStatus, start_worker, stop_worker, worker_status
from tui.cli.context import DefaultCommandGroup, Session, pass_session
from tui.cli.output import print_line
from tui.cli.service import install, slots_option, uninstall, warn_of_logout
from tui.json_output import worker_json
from tui.text.format import counted, moment


@click.group(cls=DefaultCommandGroup, default="status")
def worker() -> None:
    """The worker, which runs the jobs and needs no terminal."""


worker.add_command(install)
worker.add_command(uninstall)


@worker.command()
@slots_option
@pass_session
def run(session: Session, slots: int | None) -> None:
    """Work in the foreground until Ctrl-C (drains; twice: puts running jobs back)."""
    from jobs.worker import default_slots, run_worker

    session.workspace.prepare()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("huey").setLevel(logging.WARNING)
    if run_worker(session.workspace, slots or default_slots()) == ALREADY_RUNNING:
        raise TtsdashError(f"a worker runs already in {session.workspace.root}: see `ttsdash worker status`")


@worker.command()
@slots_option
@pass_session
def start(session: Session, slots: int | None) -> None:
    """Start the worker in the background; it outlives the terminal."""
    info, started = start_worker(session.workspace, slots)
    if info.ending:
        raise TtsdashError(f"the worker (pid {info.pid}) ends and takes no further job: start one once it has ended")
    if session.as_json:
        _print_json(session)
    else:
        works, ends = "started" if started else "already running", "" if started else f"; {_end(info.idle_s)}"
        print_line(f"worker {works}, pid {info.pid}, {counted(info.slots, 'slot')}{ends}")
    if started:
        warn_of_logout(session, info.pid)


@worker.command()
@click.option("--now", is_flag=True, help="Do not wait for running jobs: put them back into the queue.")
@pass_session
def stop(session: Session, now: bool) -> None:
    """Stop the worker once its running jobs have ended."""
    running = _running_jobs(session)
    if not now:
        _tell_what_it_waits_for(session, running)
    info = stop_worker(session.workspace, at_once=now)
    if session.as_json:
        _print_json(session)
    else:
        back = f"; job {', '.join(map(str, running))} waits again" if now and running else ""
        print_line(f"worker stopped, pid {info.pid}{back}" if info else "no worker runs")


def _running_jobs(session: Session) -> tuple[int, ...]:
    """None where the store cannot be used: a worker is stopped without it, too."""
    try:
        return worker_status(session.workspace).jobs
    except (TtsdashError, sqlite3.Error):
        return ()


def _tell_what_it_waits_for(session: Session, running: Sequence[int]) -> None:
    if is_unresponsive(session.workspace) and running_worker(session.workspace):
        click.echo("the worker gave no sign of life for a minute: --now ends it anyway", err=True)
    elif running:
        ids = ", ".join(map(str, running))
        click.echo(f"waiting for job {ids} to end (--now puts it back into the queue)", err=True)
    elif running_worker(session.workspace) and hook_runs(session.workspace):
        click.echo("waiting for the hook to end (--now ends it)", err=True)


@worker.command()
@pass_session
def status(session: Session) -> None:
    """Tell whether a worker runs, and on what."""
    if session.as_json:
        _print_json(session)
        return
    found, waiting = worker_status(session.workspace), count_jobs(session.db).get(JobState.QUEUED, 0)
    if found.running:
        _print_running(found)
    else:
        print_line("no worker runs: start one with `ttsdash worker start`")
    if waiting:
        print_line(f"{counted(waiting, 'job')} {'waits' if waiting == 1 else 'wait'}")
    if is_paused(session.db):
        print_line(PAUSED)


def _print_running(found: WorkerStatus) -> None:
    jobs = ", ".join(map(str, found.jobs))
    works = f"on job {jobs}" if jobs else "idle"
    print_line(f"worker {works}: pid {found.pid}, since {moment(found.since)}, ttsdash {found.version}")
    print_line(f"{counted(found.slots, 'slot')}, {counted(found.cores, 'core')}, {found.memory_mb} MB of memory")
    after = f" after job {jobs}" if jobs else ""
    print_line(f"takes no further job, and ends{after}" if found.ending else _end(found.idle_s))
    if found.silent:
        print_line("gave no sign of life for a minute: `ttsdash worker start` replaces it")
    installed = program_version()
    if found.version != installed:
        print_line(f"ttsdash {installed} is installed: `ttsdash worker stop && ttsdash worker start`")


def _end(idle_s: float | None) -> str:
    """When a worker ends of itself."""
    if idle_s is None:
        return "stays until it is stopped"
    return f"ends after {format_duration(idle_s)} without a job"


def _print_json(session: Session) -> None:
    waiting = count_jobs(session.db).get(JobState.QUEUED, 0)
    session.print_json(worker_json(worker_status(session.workspace), is_paused(session.db), waiting))
