"""The files of variants: made under a temporary name, checked, flushed to the disk, then renamed."""

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
from core.voices.file import config_path_of
from core.workspace import Workspace

CHECK_TEXT = "1 2 3."
# A variant that speaks this much faster or slower than its original is no form of it.
_LENGTHS = 0.5, 2.0


class NotAVariant(TtsdashError):
    """What a recipe made does not run, or does not say what the original says."""


def variant_path(workspace: Workspace, voice_key: str, name: str) -> Path:
    """`optimized_models/VOICE/VARIANT.onnx`; both names stay single components below the workspace."""
    folder = variant_folder(workspace, voice_key, name)
    return folder.with_name(f"{folder.name}.onnx")


def variant_folder(workspace: Workspace, voice_key: str, name: str) -> Path:
    """`optimized_models/VOICE/VARIANT/`, for a variant of several files."""
    return workspace.optimized_models / safe_name(voice_key, "voice") / safe_name(name, "variant")


class Draft(Replacement):
    """A variant in the making: a hidden file beside its later name, which carries the job that writes it."""

    def __init__(self, final: Path, job_id: int) -> None:
        self.final = final
        self.path = _hidden(final, job_id)
        # The model last, so that it never stands without its configuration.
        super().__init__({config_path_of(self.path): config_path_of(final), self.path: final})
        _make_place(final.parent)
        self.discard()

    def complete(self, config: dict[str, Any]) -> None:
        """Lay the configuration beside the model, and have both on the disk."""
        _write_config(config, self.path)
        for file in (self.path, config_path_of(self.path)):
            file.chmod(PRIVATE_FILE)
            flush_file(file)


class FolderDraft(Replacement):
    """The same for a variant that is a folder, whose model is `model` in it."""

    def __init__(self, final: Path, job_id: int, model: str) -> None:
        self.final = final
        self.path = _hidden(final, job_id)
        self._model = model
        super().__init__({self.path: final})
        _make_place(final.parent)
        self.discard()
        mkdir_private(self.path)

    def complete(self, config: dict[str, Any]) -> None:
        """Lay the configuration beside the model and the manifest over all, and have everything on the disk."""
        _write_config(config, self.path / self._model)
        write_manifest(self.path)
        for entry in self.path.rglob("*"):
            entry.chmod(PRIVATE_FOLDER if entry.is_dir() else PRIVATE_FILE)
        flush_tree(self.path)


def discard_drafts(workspace: Workspace, job_id: int, committed: bool) -> None:
    """Remove what a job left half made, and give back the names that it took; those of a `committed` variant stay."""
    hidden = f".job{job_id}."
    for draft in drafts_among(workspace.optimized_models.glob(f"*/{hidden}*")):
        left = Replacement({draft: draft.with_name(draft.name.removeprefix(hidden))})
        if committed:
            left.settle()
        else:
            left.discard()


def jobs_with_drafts(workspace: Workspace) -> set[int]:
    """The jobs of which something half made, or kept to undo it, lies there."""
    hidden = (re.match(r"\.job(\d+)\.", entry.name) for entry in workspace.optimized_models.glob("*/.job*"))
    return {int(match[1]) for match in hidden if match}


def _hidden(final: Path, job_id: int) -> Path:
    return final.with_name(f".job{job_id}.{final.name}")


def _make_place(folder: Path) -> None:
    """Make a voice's folder, which is on the disk then, too."""
    mkdir_private(folder)
    flush_folder(folder.parent)


def _write_config(config: dict[str, Any], model: Path) -> None:
    config_path_of(model).write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")


def check_variant(source: Path, draft: Path, config: dict[str, Any], tell: Callable[[str], None]) -> None:
    """Have Piper load the draft, let both speak a sentence without noise, and compare how long they take to say it.

    Raises NotAVariant.
    """
    import numpy as np
    from piper.voice import PiperVoice

    from core.engines.ort import OrtVoice
    from core.voices.phonemes import phoneme_ids

    ids = phoneme_ids(config, CHECK_TEXT)
    try:
        PiperVoice.load(draft, config_path_of(draft))
        made = OrtVoice(draft).synthesize(ids)
    except Exception as error:
        raise NotAVariant(f"the variant was made, but does not run: {truncate(reason_of(error), 200)}") from error
    original = OrtVoice(source).synthesize(ids)
    if not original.size:
        raise NotAVariant(f"{source} itself gives no sound: get the voice's files again")
    tell(f"says {CHECK_TEXT!r} in {len(made)} samples, the original in {len(original)}")
    if not made.size or not np.isfinite(made).all():
        raise NotAVariant("the variant was made, but gives no sound (empty, or values that are no numbers)")
    low, high = _LENGTHS
    if not low <= len(made) / len(original) <= high:
        raise NotAVariant(
            f"the variant was made, but speaks {len(made) / len(original):.1f} times as long as the original"
        )
