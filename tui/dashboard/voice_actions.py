"""The actions on the voices themselves. Light to import, like all actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from core.errors import InvalidInput
from core.store.database import open_store
from core.text import escape_control
from tui.dashboard.messages import Focus, Outcome, Planned, RemovalPlanned, Verified
from tui.text.format import megabytes

if TYPE_CHECKING:
    from core.doctor.verification import VerifiedFile
    from core.records.voices import Voice
    from core.workspace import Workspace


class VoiceActions:
    """The actions on the voices of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def add_voice(self, path: str) -> Outcome:
        """Add a voice from a file, in a subprocess."""
        from tui.dashboard.subcommand import Subcommand

        return voice_added(Subcommand(self._workspace, "voices", "add", path).run())

    def plan_removal(self, voice: Voice) -> RemovalPlanned:
        """Plan the removal of a voice. Removes nothing."""
        from core.library import remove
        from tui.text.voices import removal_question

        with closing(open_store(self._workspace)) as db:
            planned = remove.plan_removal(self._workspace, db, voice.key)
        return RemovalPlanned(voice, removal_question(planned))

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

    def plan_outdated(self, voice: Voice) -> Planned:
        """Register a voice again if its files have changed, and plan its outdated variants with their benchmark."""
        from core.store.voices import get_voice
        from jobs.submit import OptimizeRequest, remake_jobs
        from tui.dashboard.subcommand import Subcommand

        registered = Subcommand(self._workspace, "voices", "add", voice.path).run()
        request = OptimizeRequest(benchmark=True, outdated=True)
        with closing(open_store(self._workspace)) as db:
            voice = get_voice(db, registered["voice"])
            made = remake_jobs(db, voice, request)
        if not made.jobs:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in made.skipped.items())
            raise InvalidInput(reasons or f"no variant of {voice.key} is outdated")
        question = [f"Make the outdated variants of {voice.key} again, and benchmark them?"]
        question.append(f"Make: {', '.join(str(job.variant) for job in made.jobs)}.")
        question += [f"{name} cannot be made again: {reason}" for name, reason in made.skipped.items()]
        return Planned("\n".join(question), voice, request)


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
