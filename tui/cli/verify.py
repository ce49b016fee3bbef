"""`ttsdash voices verify`: check the files of voices against their checksums."""

from dataclasses import replace

import click

from core.doctor.verification import VerifiedFile, verify_voice
from core.errors import InvalidInput, NotFound
from core.store.voices import get_voice, list_voices
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import verified_json
from tui.text.format import counted


@click.command(cls=Command)
@click.argument("voices", nargs=-1, metavar="[VOICE]...")
@pass_session
def verify(session: Session, voices: tuple[str, ...]) -> None:
    """Check the files of each VOICE (default: all) and of its variants. The exit code is 1 if something is wrong."""
    try:
        chosen = [get_voice(session.db, name) for name in voices] or list_voices(session.db)
    except NotFound as error:
        # Exit code 1 means that a file is wrong.
        raise InvalidInput(str(error)) from None
    verified = [
        replace(one, fix=one.fix and session.with_home(one.fix)) for voice in chosen for one in verify_voice(voice)
    ]
    if session.as_json:
        session.print_json(verified_json(verified))
    else:
        _print(verified)
    if any(one.is_problem for one in verified):
        raise SystemExit(1)


def _print(verified: list[VerifiedFile]) -> None:
    for one in verified:
        print_line(f"{one.variant.voice}, {one.variant.name}: {one.message or one.state}")
        if one.fix:
            print_line(f"  → {one.fix}")
    problems = sum(one.is_problem for one in verified)
    if problems:
        print_line(f"{counted(problems, 'problem')} in {counted(len(verified), 'file')}")
    elif not verified:
        print_line("no voices yet: add one with `ttsdash voices add PATH.onnx`")
