"""`ttsdash worker install` and `uninstall`: the worker as a service, and the word to who would lose it without that."""

import shlex

import click

from core.doctor.finding import State, run_check
from core.doctor.logout import check_logout
from core.store.database import open_store
from core.text import escape_control
from jobs.service.install import plan_install, plan_uninstall, service_for
from jobs.service.service import Service
from jobs.service.steps import Plan, WriteFile, carry_out
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import service_json

slots_option = click.option(
    "--slots", type=click.IntRange(1, 64), metavar="N", help="Jobs side by side; half the cores without it."
)
_dry_run = click.option("--dry-run", is_flag=True, help="Show what would be written and run, and do nothing.")


@click.command(cls=Command)
@slots_option
@_dry_run
@pass_session
def install(session: Session, slots: int | None, dry_run: bool) -> None:
    """Have the worker start with the machine, and go on when you log out."""
    service = service_for(session.workspace, slots)
    plan = plan_install(session.workspace, service)
    if not dry_run:
        # What is wrong with the store is told here, not in the log of a service.
        open_store(session.workspace).close()
    _carry_out(session, service, plan, dry_run, f"the worker of {session.workspace.root} {service.promise}")


@click.command(cls=Command)
@_dry_run
@pass_session
def uninstall(session: Session, dry_run: bool) -> None:
    """Undo `install`: the worker ends, and its running jobs go back into the queue."""
    service = service_for(session.workspace)
    plan = plan_uninstall(service)
    outcome = f"the worker of {session.workspace.root} is {'removed' if plan.steps else 'not installed'}"
    remains = f"; {service.remains}" if plan.steps and service.remains else ""
    _carry_out(session, service, plan, dry_run, outcome + remains)


def _carry_out(session: Session, service: Service, plan: Plan, dry_run: bool, outcome: str) -> None:
    if dry_run and plan.steps:
        outcome = "nothing was done: --dry-run"
    if not session.as_json:
        _show(plan) if dry_run else carry_out(plan, print_line)
        print_line(outcome)
        return
    if not dry_run:
        carry_out(plan, lambda _: None)
    session.print_json(service_json(service, plan, done=not dry_run))


def _show(plan: Plan) -> None:
    for step in plan.steps:
        print_line(str(step))
        if isinstance(step, WriteFile):
            for line in step.content.decode().splitlines():
                print_line(f"    {line}")


def warn_of_logout(session: Session, worker: int) -> None:
    """Tell on stderr that logging out would end the worker with this number."""
    program = f"ttsdash --home {shlex.quote(session.home)}" if session.home else "ttsdash"
    for finding in run_check("logging out", lambda: check_logout(worker)):
        if finding.state is State.PROBLEM:
            mend = str(finding.fix).replace("ttsdash", program)
            click.echo(escape_control(f"ttsdash: {finding.message}: {mend}"), err=True)
