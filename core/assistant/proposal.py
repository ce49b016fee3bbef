"""What is to be written into an assistant's configuration, or put back, before anybody has agreed to it."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.assistant.changes import Plan, make_plan, problems_of
from core.assistant.config import AssistantConfig
from core.assistant.file import Backup, ConfigFile, newest_backup, restore, write_file
from core.assistant.keys import VOICE_PATH
from core.assistant.voice import loaded_by
from core.errors import InvalidInput
from core.hardware.detection import HardwareInfo
from core.records.voices import Voice
from core.store.database import transaction
from core.store.voices import get_voice, list_voices
from core.yaml_edit.diff import unified_diff

if TYPE_CHECKING:
    from core.selection.evaluate import Evaluation


@dataclass(frozen=True)
class Proposal:
    """The file as it was read, and what it is to hold."""

    file: ConfigFile
    content: bytes
    plan: Plan
    voice: str | None = None
    """The voice whose selection is written; None where a backup is put back."""
    backup: Backup | None = None
    """What is put back."""
    evaluation: "Evaluation | None" = None
    """The selection behind it, which is recorded when the file is written."""

    @property
    def changes_something(self) -> bool:
        return self.content != self.file.content

    @property
    def diff(self) -> list[str]:
        old, new = (content.decode(errors="replace") for content in (self.file.content, self.content))
        return unified_diff(old, new, str(self.file.path))

    def write(self, db: sqlite3.Connection | None = None) -> Path:
        """Write the file, record the selection behind it in `db`, and return the backup.

        Raises TtsdashError, and leaves all as it is, if the file is not what was read.
        """
        if self.backup:
            restore(self.file, self.backup)
            return self.backup.path
        if db is None or self.evaluation is None:
            return write_file(self.file, self.content)
        from core.selection.evaluate import record

        with transaction(db):
            # Where something has changed since, whoever changed it selects again.
            record(db, self.evaluation, f"apply {self.file.path.name}")
            return write_file(self.file, self.content)

    def outcome(self, backup: Path) -> str:
        """What was done."""
        if self.backup is None:
            return f"{self.file.path} is written; {backup} holds what it was"
        return f"{self.file.path} is as it was; {backup}, which held that, is removed"


def propose_selection(
    db: sqlite3.Connection,
    config: AssistantConfig,
    wanted: str | None,
    use_selected: bool,
    probes: HardwareInfo | None = None,
) -> Proposal:
    """Select for the voice that is `wanted`, else for the one that the file names, and hold the file against that.

    Nothing is written.

    Raises BadInput for a file that cannot be used, NotFound, NotPlaced.
    """
    from core.selection.evaluate import evaluate

    voice, notes = _find_voice(db, config, wanted)
    evaluation = evaluate(db, voice.key, probes)
    plan = make_plan(voice, evaluation.selection, problems_of(voice), config.values, config.paths, use_selected)
    content = config.document.edited({change.key: change.new for change in plan.changes}).encode()
    return Proposal(config.file, content, Plan(plan.changes, (*notes, *plan.notes)), voice.key, evaluation=evaluation)


def propose_undo(file: ConfigFile) -> Proposal:
    """Put back what the newest backup holds. Raises NotFound."""
    backup = newest_backup(file)
    return Proposal(file, backup.content, Plan((), ()), backup=backup)


def _find_voice(db: sqlite3.Connection, config: AssistantConfig, wanted: str | None) -> tuple[Voice, tuple[str, ...]]:
    """The voice that is named, else the one that the configuration names, else the only one; and what to say of that."""
    voices, path = list_voices(db), config.file.path
    loaded = loaded_by(config, voices)
    if wanted is not None:
        voice = get_voice(db, wanted)
        another = loaded.voice if loaded and loaded.voice != voice.key else None
        return voice, (f"{path} names another voice today: {another}",) if another else ()
    if loaded and loaded.voice:
        return get_voice(db, loaded.voice), ()
    says = f"{loaded.key} is {loaded.path}" if loaded else f"{VOICE_PATH} is not set"
    if not voices:
        raise InvalidInput(f"no voice here: add the assistant's with `ttsdash voices import --config {path}`")
    if len(voices) > 1 or loaded:
        known = ", ".join(voice.key for voice in voices)
        raise InvalidInput(f"{path} tells no voice of this workspace ({says}): say which with --voice: {known}")
    return voices[0], (f"taken for {voices[0].key}, the only voice here: {says}",)
