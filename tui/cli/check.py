"""`ttsdash results check`: whether anything on this machine is worse than it was, for scripts and cron."""

import click

from core.errors import InvalidInput, NotFound
from core.hardware.machine import this_machine
from core.history.names import find_voice
from core.history.newest import list_newest
from core.records.results import Result
from core.report.summary import threads_label
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import check_json
from tui.text.format import counted


@click.command(cls=Command)
@click.option("--voice", metavar="VOICE", help="Only this voice's.")
@pass_session
def check(session: Session, voice: str | None) -> None:
    """Tell of each variant whose newest result on this machine is worse than its earlier ones; end with 1 if there is one."""
    try:
        voice_id = find_voice(session.db, voice) if voice else None
    except NotFound as error:
        # 1 says that something is worse.
        raise InvalidInput(str(error)) from None
    found = list_newest(session.db, this_machine().id, voice_id)
    worse = [result for result in found if result.regression]
    if session.as_json:
        session.print_json(check_json(found))
    else:
        _print(found, worse)
    if worse:
        raise SystemExit(1)


def _print(found: list[Result], worse: list[Result]) -> None:
    for result in worse:
        about = result.regression or {}
        since = f"; since then: {', '.join(about['changed'])}" if about["changed"] else "; nothing was installed since"
        where = f"{result.voice} {result.variant}, {threads_label(result.threads)}"
        print_line(f"{where}: {'; '.join(about['worse'])}{since} (result {result.id[:8]})")
    if not found:
        print_line("no results of this machine yet: measure a voice with `ttsdash benchmark VOICE`")
    elif not worse:
        noisy = sum(result.noisy for result in found)
        unjudged = f"; {counted(noisy, 'result')} noisy, not judged" if noisy else ""
        print_line(f"nothing is worse than it was: {counted(len(found), 'newest result')}{unjudged}")
