"""`ttsdash voices remove`: remove a voice with its variants."""

import sys

import click

from core.errors import InvalidInput
from core.library.remove import Removal, plan_removal, remove_voice
from core.text import escape_control
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import removed_voice_json
from tui.text.format import counted
from tui.text.voices import removal_question


@click.command(cls=Command)
@click.argument("voice")
@click.option("--results", "with_results", is_flag=True, help="Also delete its benchmark results.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_session
def remove(session: Session, voice: str, with_results: bool, yes: bool) -> None:
    """Remove VOICE with its variants and its ended jobs. Its own files stay, and so do its results."""
    planned = plan_removal(session.workspace, session.db, voice)
    if not yes and not _confirmed(session, planned, with_results):
        return
    removed = remove_voice(session.workspace, session.db, planned.voice.key, with_results)
    if session.as_json:
        session.print_json(removed_voice_json(removed, with_results))
        return
    print_line(f"{removed.voice.key} was removed; {removed.voice.path} was not touched")
    for path in removed.kept:
        print_line(f"kept, since it is not what was made: {path}")


def _confirmed(session: Session, planned: Removal, with_results: bool) -> bool:
    if session.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        variants = counted(len(planned.voice.variants) - 1, "variant")
        raise InvalidInput(
            f"no terminal to ask for confirmation: add --yes to remove {planned.voice.key} with {variants}"
        )
    if click.confirm(escape_control(removal_question(planned, with_results)), prompt_suffix=" "):
        return True
    print_line("nothing was removed")
    return False
