"""What speaks against a selection, as data: whoever decides by a warning reads its kind, never its text."""

from dataclasses import dataclass
from enum import StrEnum


class WarningKind(StrEnum):
    """Kinds of warnings about a selection; their values are stored."""

    UNUSABLE_PIN = "unusable-pin"
    UNUSABLE_ORIGINAL = "unusable-original"
    UNMEASURED = "unmeasured"
    """The selected variant has no figures of this machine at all cores."""
    UNVERIFIED = "unverified"
    SLOWER = "slower"
    """It is slower than the original."""
    DEGRADED = "degraded"
    """It sounds noticeably worse than the original, or broken."""
    UNGRADED = "ungraded"
    FASTER_EXISTS = "faster-exists"
    BETTER_EXISTS = "better-exists"
    """Another variant sounds better and is no slower."""
    LEGACY = "legacy"
    """Stored by a version that kept the text only."""


@dataclass(frozen=True)
class SelectionWarning:
    """A warning about the variant that `variant` names: the selected or pinned one, or a faster or better one."""

    kind: WarningKind
    variant: str
    text: str
