"""`ttsdash voices rename`: give a voice another name."""

import click

from core.library.rename import rename_voice
from core.store.results import newest_texts
from core.store.voices import get_voice
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import voice_json


@click.command(cls=Command)
@click.argument("voice")
@click.argument("name")
@pass_session
def rename(session: Session, voice: str, name: str) -> None:
    """Rename VOICE to NAME. Its files, and the folder of its variants, stay where they are."""
    before = get_voice(session.db, voice).key
    renamed = rename_voice(session.db, before, name)
    if session.as_json:
        session.print_json(voice_json(renamed, newest_texts(session.db, renamed.source_sha256)))
    else:
        print_line(f"{before} is {renamed.key} now")
