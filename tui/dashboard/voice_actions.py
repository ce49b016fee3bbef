"""The actions on the voices themselves. Light to import, like all actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from core.store.database import open_store
from core.text import escape_control
from tui.dashboard.messages import Focus, Outcome, Verified
from tui.text.format import megabytes

if TYPE_CHECKING:
    from core.doctor.verification import VerifiedFile
    from core.records.voices import Voice
    from core.workspace import Workspace
    from tui.dashboard.common.confirm import Question


class VoiceActions:
    """The actions on the voices of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def plan_removal(self, voice: Voice) -> Question:
        """Plan the removal of a voice. Removes nothing."""
        from core.library import remove
        from tui.dashboard.common.confirm import Question
        from tui.text.voices import removal_question

        with closing(open_store(self._workspace)) as db:
            planned = remove.plan_removal(self._workspace, db, voice.key)
        return Question(removal_question(planned), partial(self.remove_voice, voice))

    def remove_voice(self, voice: Voice) -> Outcome:
        """Remove a voice and its variants; its own files and its results stay."""
        from core.library import remove

        with closing(open_store(self._workspace)) as db:
            removed = remove.remove_voice(self._workspace, db, voice.key)
        kept = f" Kept, since it is not what was made: {', '.join(map(str, removed.kept))}." if removed.kept else ""
        return Outcome(escape_control(f"Removed {voice.key}.{kept}"))

    def rename_voice(self, voice: Voice, name: str) -> Outcome:
        """Rename a voice."""
        from core.library import rename

        with closing(open_store(self._workspace)) as db:
            renamed = rename.rename_voice(db, voice.key, name)
        return Outcome(f"{voice.key} is {renamed.key} now.", Focus("voices", f"{renamed.key}/original"))

    def verify_voice(self, voice: Voice) -> Verified:
        """Check the files of a voice against their checksums."""
        from core.doctor import verification
        from core.store.voices import voice_of_id

        with closing(open_store(self._workspace)) as db:
            verified = verification.verify_voice(voice_of_id(db, voice.id))
        return Verified(f"Files of {voice.key}", list(verified_lines(verified)))


_ADDED = {
    "unchanged": "It was there already: {voice}",
    "replaced": "The file of {voice} has changed: u makes its variants again",
    "reconfigured": "The configuration of {voice} has changed: u makes its variants again",
    "moved": "{voice} has moved to {path}",
    "copy": "This is the same model as {voice} ({path}), which is used instead",
}


def voice_added(voice: dict[str, Any]) -> Outcome:
    """Return the outcome of adding a voice, given as `ttsdash voices add --json` prints it."""
    added = f"Added {{voice}} ({megabytes(voice['size_bytes'])} MB) · o optimizes it, A makes all variants"
    report = escape_control(_ADDED.get(voice["change"], added).format(**voice))
    return Outcome(report, Focus("voices", f"{voice['voice']}/original"))


def verified_lines(verified: Sequence[VerifiedFile]) -> Iterator[str]:
    """Yield the state of each file, with its fix."""
    for one in verified:
        yield f"{one.variant.name}: {one.message or one.state}"
        if one.fix:
            yield f"  fix: {one.fix}"
