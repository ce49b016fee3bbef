"""Whether the files of a voice are still those that were added."""

import shlex
from pathlib import Path

from core.errors import InvalidInput
from core.files import sha256_of
from core.records.voices import Voice
from core.voices.config import normalize_config, read_config
from core.voices.file import config_path_of


def source_has_changed(voice: Voice) -> bool:
    """Return whether a voice's model is another file than the one that was added. A missing one has not changed."""
    try:
        return sha256_of(Path(voice.path)) != voice.source_sha256
    except OSError:
        return False


def config_has_changed(voice: Voice) -> bool:
    """Return whether a voice's configuration has another content than when the voice was added."""
    path = config_path_of(Path(voice.path))
    try:
        # Versions up to 0.2 stored it as it was written.
        return read_config(path) not in (voice.config, normalize_config(path, voice.config))
    except InvalidInput:
        # It is missing, or no longer that of a voice: what it was is known, and the model is what counts.
        return False


def add_command(voice: Voice) -> str:
    """Return the command that makes what is now at a voice's path its source."""
    return f"ttsdash voices add {shlex.quote(voice.path)}"


def require_unchanged(voice: Voice) -> None:
    """Raise InvalidInput if a voice's files are missing, or are not those that were added."""
    try:
        changed = voice.path if sha256_of(Path(voice.path)) != voice.source_sha256 else None
    except OSError as error:
        raise InvalidInput(
            f"cannot read {voice.path} ({error.strerror}): restore it, or add the voice from its new path"
        ) from error
    if changed is None and config_has_changed(voice):
        changed = str(config_path_of(Path(voice.path)))
    if changed:
        raise InvalidInput(f"{changed} has changed since it was added: add it again ({add_command(voice)})")
