"""Registering a voice: its files are checked, then it must speak."""

from pathlib import Path

from core.records.voices import Voice
from core.store.voices import add_voice, is_registered
from core.voices.join import read_whole_voice
from core.voices.trial import try_voice
from tui.cli.context import Session


def register(session: Session, path: Path, try_again: bool = True) -> Voice:
    """Register the voice at a path and return it, or the one with the same content.

    Without `try_again` a voice is not tried that is registered already. Raises InvalidInput for one that cannot be used.
    """
    file = read_whole_voice(path, session.workspace.voices)
    if try_again or not is_registered(session.db, file):
        try_voice(file.path, file.config)
    return add_voice(session.db, file)
