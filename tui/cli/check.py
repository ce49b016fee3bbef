"""`ttsdash results check`: report regressions on this machine, for scripts and cron."""

import click

from core.errors import InvalidInput, NotFound
from core.hardware.machine import this_machine
from core.history.names import find_voice
from core.history.newest import list_newest, list_without_earlier
from core.records.results import Result
from core.store.sources import earlier_sources
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import check_json
from tui.text.format import counted


@click.command(cls=Command, only_prints=True)
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
    first = list_without_earlier(session.db, [result for result in found if not result.noisy])
    if session.as_json:
        session.print_json(check_json(found, first))
    else:
        _print(found, worse, first)
    if worse:
        raise SystemExit(1)


def _print(found: list[Result], worse: list[Result], first: list[Result]) -> None:
    """Print the regressions, or how many results were judged and found to be none; `first` have no earlier result."""
    for result in worse:
        regression = result.regression or {}
        changes = ", ".join(regression["changed"]) or "none"
        where = f"{result.voice} {result.variant}, {counted(result.threads, 'thread')}"
        print_line(f"{where}: {'; '.join(regression['worse'])}; changes since: {changes} (result {result.id[:8]})")
    if not found:
        print_line("no results of this machine yet (benchmark a voice with: ttsdash benchmark VOICE)")
        return
    noisy = sum(result.noisy for result in found)
    judged = len(found) - noisy - len(first)
    if not worse:
        clean = f"no regressions in {counted(judged, 'newest result')}"
        print_line(clean if judged else "no result could be judged for regressions")
    reasons = [f"{noisy} measured on a busy machine"] if noisy else []
    reasons += [f"{len(first)} without an earlier result to compare with"] if first else []
    if reasons:
        print_line(f"not judged: {', '.join(reasons)}")
