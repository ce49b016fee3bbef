"""What the commands share that register a voice: at its path it may be a known one, whose file has changed."""

import shlex
from collections.abc import Iterator
from enum import Enum, auto
from pathlib import Path

from core.records.graph_summary import GraphSummary
from core.records.voices import Voice
from core.store.results import newest_texts
from core.store.selections import latest_selection
from core.store.voices import Change, Registration, is_registered, register_voice
from core.voices.join import JOINED, read_whole_voice
from core.voices.trial import try_voice
from tui.cli.context import Session
from tui.cli.output import print_line
from tui.json_output import registered_voice_json
from tui.text.format import counted, megabytes


class Trial(Enum):
    """When a voice must speak before it is registered."""

    ALWAYS = auto()
    IF_NEW = auto()
    """Unless it is registered already, with the same content."""
    NONE = auto()


def register(session: Session, path: Path, trial: Trial = Trial.ALWAYS) -> Registration:
    """Register the voice at a path, if it can speak. If its files have changed, its variant is selected again.

    Raises InvalidInput for one that cannot be used.
    """
    file = read_whole_voice(path, session.workspace.voices)
    if trial is Trial.ALWAYS or (trial is Trial.IF_NEW and not is_registered(session.db, file)):
        try_voice(file.path, file.config)
    registration = register_voice(session.db, file)
    if registration.change in (Change.REPLACED, Change.RECONFIGURED):
        _select_again(session, registration.voice)
    return registration


def register_again(session: Session, voice: Voice) -> Registration | None:
    """Register a voice again if its files have changed since it was added; None if they have not, or are missing."""
    from core.variants.sources import config_has_changed, source_has_changed

    if source_has_changed(voice) or config_has_changed(voice):
        return register(session, Path(voice.path))
    return None


def _select_again(session: Session, voice: Voice) -> None:
    from core.hardware.machine import this_machine

    if latest_selection(session.db, voice.id, this_machine().id):
        # This imports NumPy.
        from core.selection.evaluate import select_and_record

        select_and_record(session.db, voice.key, "its files changed")


def print_registration(session: Session, registration: Registration, path: Path) -> None:
    """Print a voice that was registered from a path, and what that changed."""
    voice = registration.voice
    if session.as_json:
        session.print_json(registered_voice_json(registration, newest_texts(session.db, voice.source_sha256)))
        return
    if registration.change is not Change.COPY:
        size, speakers = megabytes(voice.size_bytes), counted(voice.speakers, "speaker")
        print_line(f"{voice.key}: {size} MB, {voice.language}, {speakers}")
    print_change(session, registration, path)
    if (session.workspace.voices / JOINED) in Path(voice.path).parents:
        print_line(f"joined from several files: {voice.path}")
    graph = GraphSummary.from_json(voice.anatomy)
    if graph.quantized:
        print_line("it is already quantized: variants can only be made of the voice's original fp32 model")
    elif graph.unrecognized:
        print_line(f"its graph was not recognized as VITS ({graph.unrecognized}): recipes change only what is safe")


def print_change(session: Session, registration: Registration, path: Path, again: bool = True) -> None:
    """Print what registering a voice changed, and with `again` how to make its outdated variants again."""
    for line in _change(registration, path):
        print_line(line)
    outdated = registration.voice.outdated_variants
    if outdated:
        print_line(f"outdated: {', '.join(variant.name for variant in outdated)}")
        if again:
            key = shlex.quote(registration.voice.key)
            print_line(f"make them again with: {session.program} optimize --model {key} --outdated --benchmark")


def _change(registration: Registration, path: Path) -> Iterator[str]:
    voice = registration.voice
    match registration.change:
        case Change.REPLACED:
            yield f"the file of {voice.key} has changed; results of the earlier one stay in the history"
        case Change.RECONFIGURED:
            yield f"the configuration of {voice.key} has changed"
        case Change.MOVED:
            yield f"{voice.key} has moved to {voice.path}"
        case Change.COPY:
            yield f"{path} is the same model as {voice.key} ({voice.path}), which is used instead"
        case Change.ADDED | Change.UNCHANGED:
            pass
