"""Registering a voice: its files are checked, then it must speak."""

import sqlite3
from pathlib import Path

from core.records.voices import Voice
from core.store.voices import add_voice, is_registered
from core.voices.file import read_voice
from core.voices.trial import try_voice


def register(db: sqlite3.Connection, path: Path, try_again: bool = True) -> Voice:
    """Register the voice at a path and return it, or the one with the same content.

    Without `try_again` a voice is not tried that is registered already. Raises InvalidInput for one that cannot be used.
    """
    file = read_voice(path)
    if try_again or not is_registered(db, file):
        try_voice(file.path, file.config)
    return add_voice(db, file)
