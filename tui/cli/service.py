"""`ttsdash worker install` and `uninstall`: the worker as a system service."""

import shlex

import click

from core.doctor.finding import State, run_check
from core.doctor.logout import check_logout
from core.store.database import open_store
from jobs.service.install import plan_install, plan_uninstall, service_for
from jobs.service.service import Service
from jobs.service.steps import Plan, WriteFile, execute
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line, print_note
from tui.json_output import service_json

slots_option = click.option(
    "--slots", type=click.IntRange(1, 64), metavar="N", help="Number of concurrent jobs (default: half the cores)."
)
_dry_run = click.option("--dry-run", is_flag=True, help="Show what would be written and run, but do nothing.")


@click.command(cls=Command)
@slots_option
@_dry_run
@pass_session
def install(session: Session, slots: int | None, dry_run: bool) -> None:
    """Start the worker with the machine, and keep it running when you log out."""
    service = service_for(session.workspace, slots)
    plan = plan_install(session.workspace, service)
    if not dry_run:
        # Report an unusable store here, not in the log of the service.
        open_store(session.workspace).close()
    _apply(session, service, plan, dry_run, f"the worker of {session.workspace.root} {service.behavior}")


@click.command(cls=Command)
@_dry_run
@pass_session
def uninstall(session: Session, dry_run: bool) -> None:
    """Undo `install`: stop the worker, and requeue its running jobs."""
    service = service_for(session.workspace)
    plan = plan_uninstall(service)
    outcome = f"the worker of {session.workspace.root} {'was removed' if plan.steps else 'is not installed'}"
    remains = f"; {service.remains}" if plan.steps and service.remains else ""
    _apply(session, service, plan, dry_run, outcome + remains)


def _apply(session: Session, service: Service, plan: Plan, dry_run: bool, outcome: str) -> None:
    if dry_run and plan.steps:
        outcome = "nothing was done (--dry-run)"
    if not session.as_json:
        _show(plan) if dry_run else execute(plan, print_line)
        print_line(outcome)
        return
    if not dry_run:
        execute(plan, lambda _: None)
    session.print_json(service_json(service, plan, done=not dry_run))


def _show(plan: Plan) -> None:
    for step in plan.steps:
        print_line(str(step))
        if isinstance(step, WriteFile):
            for line in step.content.decode().splitlines():
                print_line(f"    {line}")


def warn_of_logout(session: Session, worker: int) -> None:
    """Warn on stderr if logging out would end the worker with this pid."""
    program = f"ttsdash --home {shlex.quote(session.home)}" if session.home else "ttsdash"
    for finding in run_check("logging out", lambda: check_logout(worker)):
        if finding.state is State.PROBLEM:
            fix = str(finding.fix).replace("ttsdash", program)
            print_note(f"ttsdash: {finding.message}: {fix}")
