"""Variants whose files are missing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.records.voices import Voice


def find_missing_files(voices: Iterable[Voice]) -> frozenset[str]:
    """Return the paths of variants, originals included, whose files are missing."""
    return frozenset(variant.path for voice in voices for variant in voice.variants if not Path(variant.path).exists())
