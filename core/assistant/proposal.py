"""Proposals: what would be written to an assistant's configuration, or restored, shown before the user agrees."""

import shlex
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.assistant.changes import Plan, coreml_errors, make_plan
from core.assistant.config import WRITE_YOURSELF, AssistantConfig
from core.assistant.file import Backup, ConfigFile, newest_backup, restore, write_file
from core.assistant.keys import VOICE_PATH
from core.assistant.loaded_model import loaded_model
from core.errors import InvalidInput
from core.hardware.detection import HardwareInfo
from core.records.voices import Voice
from core.store.database import transaction
from core.store.voices import get_voice, list_voices
from core.variants.sources import add_command, source_has_changed
from core.yaml_edit.diff import unified_diff

if TYPE_CHECKING:
    from core.selection.evaluate import Evaluation


@dataclass(frozen=True)
class Proposal:
    """The file as it was read, and its new content."""

    file: ConfigFile
    content: bytes
    plan: Plan
    voice: str | None = None
    """The voice whose selection is written; None where a backup is restored."""
    voice_key: str | None = None
    """The key that names the voice."""
    backup: Backup | None = None
    """The backup that is restored, if this is an undo."""
    evaluation: "Evaluation | None" = None
    """The selection that is written; it is recorded together with the file."""

    @property
    def changes_something(self) -> bool:
        """Return whether the new content differs from the file."""
        return self.content != self.file.content

    @property
    def offers_performance(self) -> bool:
        """Return whether the performance keys are keys of this assistant."""
        return self.voice_key == VOICE_PATH

    @property
    def diff(self) -> list[str]:
        """Return the change as a unified diff, in lines without line breaks."""
        old, new = (content.decode(errors="replace") for content in (self.file.content, self.content))
        return unified_diff(old, new, str(self.file.path))

    def write(self, db: sqlite3.Connection | None = None) -> Path:
        """Write the file, record the selection in `db`, and return the path of the backup.

        Raises TtsdashError, and changes nothing, if the file has changed since it was read.
        """
        if self.backup:
            restore(self.file, self.backup)
            return self.backup.path
        if db is None or self.evaluation is None:
            return write_file(self.file, self.content)
        from core.selection.evaluate import record_selection

        with transaction(db):
            # If the voice or its results have changed since, whatever changed them selects again: nothing is recorded.
            record_selection(db, self.evaluation, f"apply {self.file.path.name}")
            return write_file(self.file, self.content)

    def outcome(self, backup: Path) -> str:
        """Return a message on what was written and where the backup is."""
        if self.backup is None:
            return f"{self.file.path} was written; the previous content is in {backup}"
        return f"{self.file.path} was restored from {backup}, which was removed"


def propose_selection(
    db: sqlite3.Connection,
    config: AssistantConfig,
    wanted: str | None,
    use_selected: bool,
    hardware: HardwareInfo | None = None,
    performance: bool = False,
) -> Proposal:
    """Return what applying the selection of a voice would change. Nothing is written or recorded.

    Without `wanted` it is the voice that the file names. The `performance` keys are set on request. Raises UnknownLayout for
    a file in which no known key names the voice, InvalidInput for one that cannot be used or a voice whose file has changed,
    NotFound, NoSafeEdit.
    """
    from core.selection.evaluate import evaluate

    config.require_understood(WRITE_YOURSELF)
    if performance and config.mapped_key:
        raise InvalidInput(
            f"{config.file.path}: the performance keys are those of another assistant: its voice is in {config.mapped_key}"
        )
    voice, notes = _find_voice(db, config, wanted)
    if source_has_changed(voice):
        raise InvalidInput(f"{voice.path} has changed since it was added: add it again ({add_command(voice)})")
    evaluation = evaluate(db, voice.key, hardware)
    plan = make_plan(
        voice,
        evaluation.selection,
        coreml_errors(voice),
        config.values,
        config.paths,
        use_selected,
        config.mapped_key,
        performance,
    )
    content = config.document.with_values({change.key: change.new for change in plan.changes}).encode()
    plan = Plan(plan.changes, (*notes, *plan.notes))
    return Proposal(config.file, content, plan, voice.key, config.voice_key, evaluation=evaluation)


def propose_undo(file: ConfigFile) -> Proposal:
    """Return what restoring the newest backup would change. Raises NotFound."""
    backup = newest_backup(file)
    return Proposal(file, backup.content, Plan((), ()), backup=backup)


def _find_voice(db: sqlite3.Connection, config: AssistantConfig, wanted: str | None) -> tuple[Voice, tuple[str, ...]]:
    """Return the wanted voice, else the one that the configuration names, else the only one; with notes on the choice."""
    voices, path = list_voices(db), config.file.path
    loaded = loaded_model(config, voices)
    if wanted is not None:
        voice = get_voice(db, wanted)
        another = loaded.voice if loaded and loaded.voice != voice.key else None
        return voice, (f"{path} currently names another voice: {another}",) if another else ()
    if loaded and loaded.voice:
        return get_voice(db, loaded.voice), ()
    reason = f"{loaded.key} is {loaded.path}" if loaded else f"{config.voice_key} is not set"
    if not voices:
        named = shlex.quote(str(path))
        raise InvalidInput(
            f"no voice in this workspace: import the assistant's with: ttsdash voices import --config {named}"
        )
    if len(voices) > 1 or loaded:
        known = ", ".join(voice.key for voice in voices)
        raise InvalidInput(f"no voice of this workspace in {path} ({reason}): name one with --voice: {known}")
    return voices[0], (f"using {voices[0].key}, the only voice of this workspace: {reason}",)
