"""Warnings about a selection. Code decides by their kind, never by their text."""

from dataclasses import dataclass
from enum import StrEnum


class WarningKind(StrEnum):
    """The kinds of warnings about a selection. The values are stored."""

    UNUSABLE_PIN = "unusable-pin"
    UNUSABLE_ORIGINAL = "unusable-original"
    UNMEASURED = "unmeasured"
    """The selected variant has no result on this machine at all cores."""
    UNVERIFIED = "unverified"
    SLOWER = "slower"
    """The selected variant is slower than the original."""
    DEGRADED = "degraded"
    """The selected variant sounds noticeably worse than the original, or broken."""
    UNGRADED = "ungraded"
    FASTER_EXISTS = "faster-exists"
    BETTER_EXISTS = "better-exists"
    """Another variant sounds better and is no slower."""
    LEGACY = "legacy"
    """Stored by a version that kept only the text."""


@dataclass(frozen=True)
class SelectionWarning:
    """A warning about one variant: the selected or pinned one, or a faster or better alternative."""

    kind: WarningKind
    variant: str
    text: str
