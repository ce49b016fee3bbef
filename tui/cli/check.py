"""`ttsdash results check`: report regressions on this machine, for scripts and cron."""

import click

from core.errors import InvalidInput, NotFound
from core.hardware.machine import this_machine
from core.history.names import find_voice
from core.history.newest import list_newest
from core.records.results import Result
from core.store.sources import earlier_sources
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import check_json
from tui.text.format import counted


@click.command(cls=Command)
@click.option("--voice", metavar="VOICE", help="Only results of this voice.")
@pass_session
def check(session: Session, voice: str | None) -> None:
    """Report variants whose newest result on this machine is a regression. The exit code is 1 if there are any."""
    try:
        voice_id = find_voice(session.db, voice) if voice else None
    except NotFound as error:
        # Exit code 1 means that there are regressions.
        raise InvalidInput(str(error)) from None
    # What a voice was before its file changed cannot be better or worse any more.
    earlier = set() if voice_id else earlier_sources(session.db)
    newest = list_newest(session.db, this_machine().id, voice_id)
    found = [result for result in newest if result.voice_id not in earlier]
    worse = [result for result in found if result.regression]
    if session.as_json:
        session.print_json(check_json(found))
    else:
        _print(found, worse)
    if worse:
        raise SystemExit(1)


def _print(found: list[Result], worse: list[Result]) -> None:
    for result in worse:
        regression = result.regression or {}
        changes = ", ".join(regression["changed"]) or "none"
        where = f"{result.voice} {result.variant}, {counted(result.threads, 'thread')}"
        print_line(f"{where}: {'; '.join(regression['worse'])}; changes since: {changes} (result {result.id[:8]})")
    if not found:
        print_line("no results of this machine yet (benchmark a voice with: ttsdash benchmark VOICE)")
    elif not worse:
        noisy = sum(result.noisy for result in found)
        skipped = f", {noisy} of them noisy and not judged" if noisy else ""
        print_line(f"no regressions in the {counted(len(found), 'newest result')}{skipped}")
