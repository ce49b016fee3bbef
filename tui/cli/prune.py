"""`ttsdash results prune`: delete the raw samples of old results."""

import sys

import click

from core.clock import format_timestamp, now
from core.errors import InvalidInput
from core.history.prune import prunable
from core.history.prune import prune as prune_results
from core.history.since import parse_since
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import PrunedJson
from tui.text.format import counted, local_time, megabytes

_DEFAULT_AGE = "90d"


@click.command(cls=Command)
@click.option(
    "--older-than",
    default=_DEFAULT_AGE,
    metavar="DURATION-or-DATE",
    help=f"Results older than 2w, 1y or 2026-05-01 (default: {_DEFAULT_AGE}).",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_session
def prune(session: Session, older_than: str, dry_run: bool, yes: bool) -> None:
    """Delete the raw samples of old results. All metrics remain, also those of each text."""
    try:
        before = format_timestamp(parse_since(older_than))
    except ValueError as error:
        raise InvalidInput(f"--older-than: {error}") from None
    if before > now():
        raise InvalidInput(f"--older-than: {older_than} is in the future")
    found = prunable(session.db, before)
    what = f"{counted(found.samples, 'sample')} of {counted(found.results, 'result')} from before {local_time(before)}"
    freed = 0
    if not dry_run:
        if found.results and not yes and not _confirmed(session, what):
            return
        freed = prune_results(session.db, before)
    if session.as_json:
        session.print_json(PrunedJson(before=before, results=found.results, samples=found.samples, freed_bytes=freed))
    elif dry_run:
        print_line(f"would delete {what}" if found.results else f"nothing to delete from before {local_time(before)}")
    else:
        print_line(f"deleted {what}; the database is {megabytes(freed)} MB smaller")


def _confirmed(session: Session, what: str) -> bool:
    if session.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidInput(f"no terminal to ask for confirmation: add --yes to delete {what}")
    if click.confirm(f"Delete {what}? All metrics remain.", prompt_suffix=" "):
        return True
    print_line("nothing was deleted")
    return False
