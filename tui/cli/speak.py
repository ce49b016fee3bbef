"""`ttsdash speak`: speak a text, through the service if one runs, else in this process."""

import codecs
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from core.errors import InvalidInput
from tui.cli.context import Command, Session, pass_session
from tui.cli.extras import require_serve
from tui.cli.output import print_note

_PIECE_BYTES = 4096


@click.command(cls=Command)
@click.argument("text", required=False)
@click.option("--voice", metavar="VOICE", help="The voice; by default that of the service, or the first one.")
@click.option("--speaker", metavar="SPEAKER", help="A speaker's name or number.")
@click.option("--speed", type=click.FloatRange(0.1, 10), default=1.0, show_default=True, help="How fast.")
@click.option("--output", metavar="FILE", help="Write a WAV; - writes it to standard output.")
@click.option("--play", is_flag=True, help="Play it as well as write it; without --output it is played anyway.")
@pass_session
def speak(
    session: Session,
    text: str | None,
    voice: str | None,
    speaker: str | None,
    speed: float,
    output: str | None,
    play: bool,
) -> None:
    """Speak TEXT, or standard input sentence by sentence, with the selected variant of a voice."""
    if text is None and (sys.stdin is None or sys.stdin.isatty()):
        raise InvalidInput("no text: give one, or a pipe that has it")
    if output == "":
        raise InvalidInput("--output is empty: name a file")
    require_serve()
    from serve.speaking import Speaking, speak_text

    pieces = [text] if text is not None else _piped()
    how = Speaking(voice, speaker, speed, Path(output) if output and output != "-" else None, output == "-", play)
    dropped = speak_text(session.workspace, pieces, how)
    if dropped:
        print_note(f"not spoken, since the voice has no sound for it: {' '.join(dropped[:20])}")


def _piped() -> Iterator[str]:
    """Yield standard input as it arrives, without waiting for the end of a line."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    while part := os.read(sys.stdin.fileno(), _PIECE_BYTES):
        yield decoder.decode(part)
    yield decoder.decode(b"", final=True)
