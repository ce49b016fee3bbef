"""The files of variants: written under a temporary name, checked, flushed to disk, then renamed."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import TtsdashError, reason_of
from core.files import (
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    Replacement,
    drafts_among,
    flush_file,
    flush_folder,
    flush_tree,
    mkdir_private,
)
from core.text import safe_name, truncate
from core.variants.checksums import write_manifest
from core.variants.kept_training import training_path_of
from core.voices.check_text import check_text
from core.voices.file import config_path_of
from core.workspace import Workspace

# The allowed length of a variant's audio, relative to the original's.
_LENGTH_RATIOS = 0.5, 2.0


class InvalidVariant(TtsdashError):
    """A variant does not run, or does not speak what the original speaks."""


def variant_path(workspace: Workspace, voice_folder: str, name: str) -> Path:
    """Return `optimized_models/VOICE/VARIANT.onnx`. Both names become single path components."""
    folder = variant_folder(workspace, voice_folder, name)
    return folder.with_name(f"{folder.name}.onnx")


def variant_folder(workspace: Workspace, voice_folder: str, name: str) -> Path:
    """Return `optimized_models/VOICE/VARIANT/`, for a variant of several files."""
    return workspace.optimized_models / safe_name(voice_folder, "voice") / safe_name(name, "variant")


class Draft(Replacement):
    """A variant that is being written: a hidden file next to its final path, named after the job that writes it."""

    def __init__(self, final: Path, job_id: int, trained: bool = False) -> None:
        """Take the final path; `trained` is whether the state of a training is written next to the model."""
        self.final = final
        self.path = _hidden(final, job_id)
        names = {config_path_of(self.path): config_path_of(final)}
        if trained:
            names[training_path_of(self.path)] = training_path_of(final)
        # The model last, so that it never exists without its configuration.
        super().__init__(names | {self.path: final})
        _make_folder(final.parent)
        self.discard()

    def complete(self, config: dict[str, Any]) -> None:
        """Write the configuration next to the model, and flush all files to disk."""
        _write_config(config, self.path)
        for file in self.names:
            file.chmod(PRIVATE_FILE)
            flush_file(file)


class FolderDraft(Replacement):
    """A variant that is being written as a folder; `model` is the name of the model in it."""

    def __init__(self, final: Path, job_id: int, model: str) -> None:
        self.final = final
        self.path = _hidden(final, job_id)
        self._model = model
        super().__init__({self.path: final})
        _make_folder(final.parent)
        self.discard()
        mkdir_private(self.path)

    def complete(self, config: dict[str, Any]) -> None:
        """Write the configuration next to the model, then the manifest, and flush everything to disk."""
        _write_config(config, self.path / self._model)
        write_manifest(self.path)
        for entry in self.path.rglob("*"):
            entry.chmod(PRIVATE_FOLDER if entry.is_dir() else PRIVATE_FILE)
        flush_tree(self.path)


def discard_drafts(workspace: Workspace, job_id: int, committed: bool) -> None:
    """Remove the drafts of a job and undo its renames; the renames of a `committed` variant stay."""
    hidden = f".job{job_id}."
    for draft in drafts_among(workspace.optimized_models.glob(f"*/{hidden}*")):
        replacement = Replacement({draft: draft.with_name(draft.name.removeprefix(hidden))})
        if committed:
            replacement.settle()
        else:
            replacement.discard()


def jobs_with_drafts(workspace: Workspace) -> set[int]:
    """Return the jobs that left drafts, or files to undo a rename."""
    hidden = (re.match(r"\.job(\d+)\.", entry.name) for entry in workspace.optimized_models.glob("*/.job*"))
    return {int(match[1]) for match in hidden if match}


def _hidden(final: Path, job_id: int) -> Path:
    return final.with_name(f".job{job_id}.{final.name}")


def _make_folder(folder: Path) -> None:
    """Create a voice's folder, and flush its entry to disk."""
    mkdir_private(folder)
    flush_folder(folder.parent)


def _write_config(config: dict[str, Any], model: Path) -> None:
    config_path_of(model).write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")


def check_variant(source: Path, draft: Path, config: dict[str, Any], log: Callable[[str], None]) -> None:
    """Load the draft with Piper, and compare the length of its audio with the original's, for one sentence without noise.

    Raises InvalidVariant.
    """
    import numpy as np
    from piper.voice import PiperVoice

    from core.engines.ort import OrtVoice
    from core.voices.spoken_sentences import check_sentence

    sentence = check_sentence(config, check_text(config))
    ids = sentence.ids(config)
    try:
        PiperVoice.load(draft, config_path_of(draft))
        audio = OrtVoice(draft).synthesize(ids)
    except Exception as error:
        raise InvalidVariant(f"the variant was built, but does not run: {truncate(reason_of(error), 200)}") from error
    original = OrtVoice(source).synthesize(ids)
    if not original.size:
        raise InvalidVariant(f"{source} itself produces no audio: get the voice's files again")
    log(f"speaks {sentence.text!r} in {len(audio)} samples, the original in {len(original)}")
    if not audio.size or not np.isfinite(audio).all():
        raise InvalidVariant("the variant was built, but produces no audio (it is empty or not finite)")
    low, high = _LENGTH_RATIOS
    if not low <= len(audio) / len(original) <= high:
        raise InvalidVariant(
            f"the variant was built, but speaks {len(audio) / len(original):.1f} times as long as the original"
        )
