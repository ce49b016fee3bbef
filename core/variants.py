"""The files of variants: made under a temporary name, checked, flushed to the disk, then renamed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import TtsdashError
from core.files import PRIVATE_FILE, flush_file, flush_folder, make_private_folder
from core.text import safe_name
from core.voices import config_path_of
from core.workspace import Workspace

CHECK_TEXT = "1 2 3."
# A variant that speaks this much faster or slower than its original is no form of it.
_LENGTHS = 0.5, 2.0


class NotAVariant(TtsdashError):
    """What a recipe made does not run, or does not say what the original says."""


def variant_path(workspace: Workspace, voice_key: str, name: str) -> Path:
    """`optimized_models/VOICE/VARIANT.onnx`; both names stay single components below the workspace."""
    folder = workspace.optimized_models / safe_name(voice_key, "voice")
    return folder / f"{safe_name(name, 'variant')}.onnx"


class Draft:
    """A variant in the making: a hidden file beside its later name, which carries the job that writes it."""

    def __init__(self, final: Path, job_id: int) -> None:
        self.final = final
        self.path = final.with_name(f".job{job_id}.{final.stem}.onnx")
        make_private_folder(final.parent)
        self.discard()

    def complete(self, config: dict[str, Any]) -> None:
        """Lay the configuration beside the model, and have both on the disk."""
        config_path_of(self.path).write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")
        for file in (self.path, config_path_of(self.path)):
            file.chmod(PRIVATE_FILE)
            flush_file(file)

    def publish(self) -> None:
        """Give both files their names; the model last, so that it never stands without its configuration."""
        config_path_of(self.path).replace(config_path_of(self.final))
        self.path.replace(self.final)
        flush_folder(self.final.parent)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        config_path_of(self.path).unlink(missing_ok=True)


def discard_drafts(workspace: Workspace, job_id: int) -> None:
    """Remove what a job that was killed left half made."""
    for file in workspace.optimized_models.glob(f"*/.job{job_id}.*"):
        file.unlink(missing_ok=True)


def check_variant(source: Path, draft: Path, config: dict[str, Any], tell: Callable[[str], None]) -> None:
    """Have Piper load the draft, let both speak a sentence without noise, and compare how long they take to say it.

    Raises NotAVariant.
    """
    import numpy as np
    from piper.voice import PiperVoice

    from core.engines.ort import OrtVoice
    from core.phonemes import phoneme_ids

    ids = phoneme_ids(config, CHECK_TEXT)
    try:
        PiperVoice.load(draft, config_path_of(draft))
        made = OrtVoice(draft).synthesize(ids)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise NotAVariant(f"the variant was made, but does not run: {reason}") from error
    original = OrtVoice(source).synthesize(ids)
    tell(f"says {CHECK_TEXT!r} in {len(made)} samples, the original in {len(original)}")
    if not made.size or not np.isfinite(made).all():
        raise NotAVariant("the variant was made, but gives no sound (empty, or values that are no numbers)")
    low, high = _LENGTHS
    if not low <= len(made) / len(original) <= high:
        raise NotAVariant(
            f"the variant was made, but speaks {len(made) / len(original):.1f} times as long as the original"
        )
