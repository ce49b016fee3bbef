"""What is to be written into an assistant's configuration, or put back, before anybody has agreed to it."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from core.assistant.changes import Plan, make_plan, problems_of
from core.assistant.diff import unified_diff
from core.assistant.document import Document
from core.assistant.file import Backup, ConfigFile, newest_backup, restore, write_file
from core.assistant.keys import ALL, FALLBACK_PATH, VOICE_PATH
from core.assistant.voice import located, variant_at
from core.errors import BadInput
from core.hardware.probes import Probes
from core.store.voices import Voice, get_voice, list_voices


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

    @property
    def changes_something(self) -> bool:
        return self.content != self.file.content

    @property
    def diff(self) -> list[str]:
        old, new = (content.decode(errors="replace") for content in (self.file.content, self.content))
        return unified_diff(old, new, str(self.file.path))

    def write(self) -> Path:
        """Do it; returns the backup. Raises TtsdashError, and leaves all as it is, if the file is not what was read."""
        if self.backup is None:
            return write_file(self.file, self.content)
        restore(self.file, self.backup)
        return self.backup.path

    def outcome(self, backup: Path) -> str:
        """What was done."""
        if self.backup is None:
            return f"{self.file.path} is written; {backup} holds what it was"
        return f"{self.file.path} is as it was; {backup}, which held that, is removed"


def propose_selection(
    db: sqlite3.Connection, file: ConfigFile, wanted: str | None, use_selected: bool, probes: Probes | None = None
) -> Proposal:
    """Select for the voice that is `wanted`, else for the one that the file names, and hold the file against that.

    Raises BadInput for a file that cannot be used, NotFound, NotPlaced.
    """
    from core.selection.refresh import select_now

    document = Document(file.text, str(file.path))
    current = {key: document.value(key) for key in ALL}
    voice, notes = _find_voice(db, file, current[VOICE_PATH] or document.value(FALLBACK_PATH), wanted)
    selection = select_now(db, voice.key, f"apply {file.path.name}", probes)
    plan = make_plan(voice, selection, problems_of(voice), current, file.path.parent, use_selected)
    content = document.edited({change.key: change.new for change in plan.changes}).encode()
    return Proposal(file, content, Plan(plan.changes, (*notes, *plan.notes)), voice.key)


def propose_undo(file: ConfigFile) -> Proposal:
    """Put back what the newest backup holds. Raises NotFound."""
    backup = newest_backup(file)
    return Proposal(file, backup.content, Plan((), ()), backup=backup)


def _find_voice(
    db: sqlite3.Connection, file: ConfigFile, voice_path: object, wanted: str | None
) -> tuple[Voice, tuple[str, ...]]:
    """The voice that is named, else the one that the configuration names, else the only one; and what to say of that."""
    voices, path = list_voices(db), located(voice_path, file.path.parent)
    found = variant_at(voices, path) if path else None
    if wanted is not None:
        voice = get_voice(db, wanted)
        another = found and found[0].key != voice.key
        return voice, (f"{file.path} names another voice today: {found[0].key}",) if found and another else ()
    if found:
        return found[0], ()
    says = f"{VOICE_PATH} is {path or 'not set'}"
    if not voices:
        raise BadInput(f"no voice here: add the assistant's with `ttsdash voices import --config {file.path}`")
    if len(voices) > 1 or path:
        known = ", ".join(voice.key for voice in voices)
        raise BadInput(f"{file.path} tells no voice of this workspace ({says}): say which with --voice: {known}")
    return voices[0], (f"taken for {voices[0].key}, the only voice here: {says}",)
