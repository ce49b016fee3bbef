"""`ttsdash jobs`: the queue."""

import time

import click

from core.errors import NotFound
from core.store.jobs import cancel as cancel_job
from core.store.jobs import get_job, list_events, list_jobs, waiting_reason
from core.store.jobs import retry as retry_job
from jobs.daemon import settle_cancelled, start_worker, worker_status
from jobs.submit import wake
from tui.cli.follow import follow, print_failures
from tui.cli.session import Group, Session, pass_session
from tui.cli.tables import print_facts, print_line, print_table
from tui.formats import job_note, moment, parameters, took
from tui.shapes import job_shape

_CANCEL_S = 5.0
_LOOK_S = 0.05


@click.group(cls=Group, default="list")
def jobs() -> None:
    """The queue: what runs, waits and has ended."""


@jobs.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the jobs, the newest first."""
    found = list_jobs(session.db)
    if session.as_json:
        session.print_json([job_shape(job) for job in found])
        return
    print_table(
        (">id", "kind", "voice", "variant", "state", ">att.", "created", ">took", "note"),
        [
            (
                str(job.id),
                job.kind,
                job.voice,
                job.variant or "–",
                job.state,
                str(job.attempt),
                moment(job.created_at),
                took(job),
                job_note(job, waiting_reason(job, found)),
            )
            for job in found
        ],
        empty="no jobs yet: queue some with `ttsdash optimize --model PATH.onnx --dynamic --benchmark`",
    )
    if any(not job.ended for job in found) and not worker_status(session.workspace).running:
        print_line()
        print_line("no worker runs, so nothing gets on: ttsdash worker start")


@jobs.command()
@click.argument("job_id", type=int, metavar="ID")
@pass_session
def show(session: Session, job_id: int) -> None:
    """Show job ID and what happened to it."""
    job = get_job(session.db, job_id)
    events = list_events(session.db, job_id)
    if session.as_json:
        session.print_json(job_shape(job) | {"events": [event.__dict__ for event in events]})
        return
    print_facts(
        [
            ("job", str(job.id)),
            ("kind", job.kind),
            ("voice", job.voice),
            ("variant", job.variant),
            ("parameters", parameters(job.params)),
            ("state", job.state),
            ("stage", job.stage),
            ("progress", f"{job.progress:.0%}" if job.progress is not None else None),
            ("attempt", str(job.attempt)),
            ("after", ", ".join(map(str, job.after)) or None),
            ("error", job.error),
            ("results", ", ".join(entry[:8] for entry in (job.result or {}).get("results", [])) or None),
            ("log", str(session.workspace.job_log(job.id))),
        ]
    )
    print_line()
    for event in events:
        attempt = f", attempt {event.attempt}" if event.event == "started" else ""
        print_line(f"{moment(event.at)}  {event.event}{attempt}" + (f": {event.detail}" if event.detail else ""))


@jobs.command()
@click.argument("job_id", type=int, metavar="ID")
@click.option("-f", "--follow", "keep_on", is_flag=True, help="Go on until the job has ended.")
@pass_session
def logs(session: Session, job_id: int, keep_on: bool) -> None:
    """Print the log of job ID."""
    get_job(session.db, job_id)
    path = session.workspace.job_log(job_id)
    while keep_on and not path.exists() and not get_job(session.db, job_id).ended:
        time.sleep(_LOOK_S)
    if not path.exists():
        raise NotFound(f"job {job_id} has no log: it has not run yet, or its log was removed")
    with path.open(encoding="utf-8", errors="replace") as file:
        while True:
            # Whether it has ended is asked before reading: what came in between is read in the next round.
            last_round = not keep_on or get_job(session.db, job_id).ended
            for line in file:
                print_line(line.rstrip("\n"))
            if last_round:
                return
            time.sleep(_LOOK_S)


@jobs.command()
@click.argument("job_id", type=int, metavar="ID")
@pass_session
def cancel(session: Session, job_id: int) -> None:
    """Cancel job ID, and what waits for it."""
    if cancel_job(session.db, job_id) == "asked":
        deadline = time.monotonic() + _CANCEL_S
        while not get_job(session.db, job_id).ended and time.monotonic() < deadline:
            if not worker_status(session.workspace).running:
                settle_cancelled(session.workspace)
            time.sleep(_LOOK_S)
    job = get_job(session.db, job_id)
    if session.as_json:
        session.print_json(job_shape(job))
    else:
        print_line(f"job {job_id}: {job.state if job.ended else 'asked to end, but it has not ended yet'}")


@jobs.command()
@click.argument("job_id", type=int, metavar="ID")
@pass_session
def retry(session: Session, job_id: int) -> None:
    """Queue a failed or cancelled job ID again, and what was cancelled because of it."""
    ids = retry_job(session.db, job_id)
    wake(session.workspace)
    start_worker(session.workspace)
    if session.as_json:
        session.print_json([job_shape(get_job(session.db, entry)) for entry in ids])
    else:
        print_line(f"queued again: job {', '.join(map(str, ids))}")


@jobs.command()
@click.argument("job_ids", type=int, nargs=-1, metavar="[ID]...")
@pass_session
def wait(session: Session, job_ids: tuple[int, ...]) -> None:
    """Wait until the jobs have ended, all that are open without ids. Exit 1 if one did not succeed."""
    ids = job_ids or tuple(sorted(job.id for job in list_jobs(session.db, states=("queued", "running"))))
    ended = follow(session.workspace, session.db, ids) if ids else []
    if session.as_json:
        session.print_json([job_shape(job) for job in ended])
    elif not ids:
        print_line("no job is open")
    else:
        print_failures(ended)
    if any(job.state != "succeeded" for job in ended):
        raise SystemExit(1)
