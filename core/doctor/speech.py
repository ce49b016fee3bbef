"""Check that a voice can speak, by the trial that it passed, or did not, when it was added."""

from collections.abc import Iterator
from pathlib import Path

from core.doctor.files import model_error
from core.doctor.finding import Finding, State
from core.doctor.fixes import on_path
from core.errors import InvalidInput
from core.records.voices import Voice
from core.voices.config import normalize_config
from core.voices.faults import CannotSpeak
from core.voices.file import config_path_of
from core.voices.trial import try_voice


def check_speech(voice: Voice) -> Iterator[Finding]:
    """Try the original of a voice, with the configuration that its jobs use. Wrong files are the matter of another check."""
    path = Path(voice.path)
    if model_error(path, voice.source_sha256):
        return
    add_again = f"then: {on_path('ttsdash voices add', path)}"
    try:
        spoken = try_voice(path, normalize_config(config_path_of(path), voice.config))
    except CannotSpeak as error:
        fix = f"{error.fix}, {add_again}" if error.is_of_files else error.fix
        yield Finding("speech", State.PROBLEM, error.problem, fix)
    except InvalidInput as error:
        yield Finding("speech", State.PROBLEM, str(error), f"correct the configuration, {add_again}")
    else:
        yield Finding("speech", State.OK, f"speaks {spoken.text!r} in {spoken.seconds:.1f} s")
