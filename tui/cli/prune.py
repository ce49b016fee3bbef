"""`ttsdash results prune`: drops the raw samples of old results."""

import sys

import click

from core.clock import format_timestamp, now
from core.errors import InvalidInput
from core.history.past import read_past
from core.history.prune import prunable
from core.history.prune import prune as drop
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import PrunedJson
from tui.text.format import counted, megabytes, moment

_OLD = "90d"


@click.command(cls=Command)
@click.option(
    "--older-than", default=_OLD, metavar="SPAN", help=f"Results from before 2w, 1y or 2026-05-01; {_OLD} without it."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be dropped.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@pass_session
def prune(session: Session, older_than: str, dry_run: bool, yes: bool) -> None:
    """Drop the raw samples of old results. All their figures stay, also those of each text."""
    try:
        before = format_timestamp(read_past(older_than))
    except ValueError as error:
        raise InvalidInput(f"--older-than: {error}") from None
    if before > now():
        raise InvalidInput(f"--older-than: {older_than} lies ahead: name a time in the past")
    found = prunable(session.db, before)
    what = f"{counted(found.samples, 'sample')} of {counted(found.results, 'result')} from before {moment(before)}"
    freed = 0
    if not dry_run:
        if found.results and not yes and not _agreed(session, what):
            return
        freed = drop(session.db, before)
    if session.as_json:
        session.print_json(PrunedJson(before=before, results=found.results, samples=found.samples, freed_bytes=freed))
    elif dry_run:
        print_line(f"would drop {what}" if found.results else f"nothing to drop from before {moment(before)}")
    else:
        print_line(f"dropped {what}; the data base is {megabytes(freed)} MB smaller")


def _agreed(session: Session, what: str) -> bool:
    if session.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidInput(f"there is no terminal to ask on: add --yes to drop {what}")
    if click.confirm(f"drop {what}? All figures stay.", prompt_suffix=" "):
        return True
    print_line("nothing was dropped")
    return False
