"""What was selected for a voice, why, and what speaks against it."""

from dataclasses import dataclass
from typing import Literal

from core.records.selection_warnings import SelectionWarning

Policy = Literal["priority", "measured"]


POLICIES: dict[Policy, str] = {
    "priority": "the usual guide's order: Core ML, then quantized, then optimized, then the original; "
    "what is broken or not verified is passed over, what was not measured here is taken all the same",
    "measured": "the fastest on this machine at all cores whose sound is slight or better; "
    "nothing slower than the original, nothing that was not measured here",
}
"""Each with what it takes."""


Verdict = Literal["selected", "eligible", "passed over"]


@dataclass(frozen=True)
class Decision:
    """A candidate with its verdict."""

    variant: str
    verdict: Verdict
    reason: str
    names_caveat: bool = False
    """Whether the reason includes the candidate's caveat."""


@dataclass(frozen=True)
class Selection:
    """What was selected, and what became of each candidate, in the policy's order."""

    voice: str
    policy: Policy
    pinned: str | None
    selected: str
    reason: str
    candidates: tuple[Decision, ...]
    warnings: tuple[SelectionWarning, ...] = ()


@dataclass(frozen=True)
class Preference:
    """The policy for a voice, and the variant that is pinned, if one is."""

    policy: Policy = "priority"
    pinned: str | None = None


@dataclass(frozen=True)
class StoredSelection:
    """A selection as it stood from `created_at` on; `cause` says after what it was made."""

    id: int
    voice_id: str
    selected_sha256: str
    cause: str
    created_at: str
    selection: Selection
