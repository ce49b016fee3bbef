"""`ttsdash worker`: the daemon."""

import logging

import click

from core.errors import TtsdashError
from jobs.daemon import start_worker, stop_worker, worker_status
from jobs.lock import ALREADY_RUNNING
from tui.cli.session import Group, Session, pass_session
from tui.cli.tables import print_line
from tui.formats import counted, moment
from tui.shapes import worker_shape

_slots = click.option(
    "--slots", type=click.IntRange(1, 64), metavar="N", help="Jobs side by side; half the cores without it."
)


@click.group(cls=Group, default="status")
def worker() -> None:
    """The worker, which runs the jobs and needs no terminal."""


@worker.command()
@_slots
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
@_slots
@pass_session
def start(session: Session, slots: int | None) -> None:
    """Start the worker in the background; it outlives the terminal."""
    info, started = start_worker(session.workspace, slots)
    if session.as_json:
        session.print_json(worker_shape(worker_status(session.workspace)))
    else:
        print_line(
            f"worker {'started' if started else 'already running'}, pid {info.pid}, {counted(info.slots, 'slot')}"
        )


@worker.command()
@click.option("--now", is_flag=True, help="Do not wait for running jobs: put them back into the queue.")
@pass_session
def stop(session: Session, now: bool) -> None:
    """Stop the worker once its running jobs have ended."""
    running = worker_status(session.workspace).jobs
    if running and not now:
        ids = ", ".join(map(str, running))
        click.echo(f"waiting for job {ids} to end (--now puts it back into the queue)", err=True)
    info = stop_worker(session.workspace, at_once=now)
    if session.as_json:
        session.print_json(worker_shape(worker_status(session.workspace)))
    else:
        back = f"; job {', '.join(map(str, running))} waits again" if now and running else ""
        print_line(f"worker stopped, pid {info.pid}{back}" if info else "no worker runs")


@worker.command()
@pass_session
def status(session: Session) -> None:
    """Tell whether a worker runs, and on what."""
    found = worker_status(session.workspace)
    if session.as_json:
        session.print_json(worker_shape(found))
    elif not found.running:
        print_line("no worker runs: start one with `ttsdash worker start`")
    else:
        works = f"on job {', '.join(map(str, found.jobs))}" if found.jobs else "idle"
        print_line(
            f"worker {works}: pid {found.pid}, since {moment(found.since)}, {counted(found.slots, 'slot')}, ttsdash {found.version}"
        )
