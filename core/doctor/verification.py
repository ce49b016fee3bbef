"""Check the files of a voice and of its variants against their checksums."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from core.doctor.fixes import remake_command
from core.errors import InvalidInput
from core.records.voices import Variant, Voice
from core.variants.checksums import Problem, find_problem
from core.variants.sources import add_command, source_has_changed
from core.voices.config import read_config
from core.voices.file import config_path_of


class FileState(StrEnum):
    """The state of a voice's file. The values are part of the JSON output."""

    OK = "ok"
    OUTDATED = "outdated"
    """Intact, but made from something else than what the voice is now."""
    CHANGED = "changed"
    MISSING = "missing"
    UNREADABLE = "unreadable"


_STATES = {
    Problem.CHANGED: FileState.CHANGED,
    Problem.MISSING: FileState.MISSING,
    Problem.UNREADABLE: FileState.UNREADABLE,
}


@dataclass(frozen=True)
class VerifiedFile:
    """The model of a voice or a variant, with its configuration, or the folder of a variant."""

    variant: Variant
    state: FileState
    message: str | None = None
    fix: str | None = None

    @property
    def is_problem(self) -> bool:
        """Return whether the file is not what was added or made."""
        return self.state not in (FileState.OK, FileState.OUTDATED)


def verify_voice(voice: Voice) -> list[VerifiedFile]:
    """Check every file of a voice, the original first."""
    return [_verify(voice, variant) for variant in voice.variants]


def _verify(voice: Voice, variant: Variant) -> VerifiedFile:
    if variant.recipe is None:
        return _verify_original(voice, variant)
    problem = find_problem(Path(variant.path), variant.sha256, voice.config_of(variant))
    if problem:
        return VerifiedFile(variant, _STATES[problem.kind], problem.text, remake_command(variant))
    if variant.outdated:
        return VerifiedFile(variant, FileState.OUTDATED, variant.outdated.reason, remake_command(variant))
    return VerifiedFile(variant, FileState.OK)


def _verify_original(voice: Voice, variant: Variant) -> VerifiedFile:
    path = Path(voice.path)
    config = config_path_of(path)
    if source_has_changed(voice):
        return _changed(variant, path, voice)
    problem = find_problem(path, variant.sha256)
    if problem:
        return VerifiedFile(variant, _STATES[problem.kind], problem.text, remake_command(variant))
    try:
        has_changed = read_config(config) != voice.config
    except InvalidInput as error:
        return VerifiedFile(variant, FileState.CHANGED, str(error), remake_command(variant))
    return _changed(variant, config, voice) if has_changed else VerifiedFile(variant, FileState.OK)


def _changed(variant: Variant, path: Path, voice: Voice) -> VerifiedFile:
    return VerifiedFile(variant, FileState.CHANGED, f"{path} has changed since it was added", add_command(voice))
