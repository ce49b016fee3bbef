"""Selections: which variant of a voice to use on a machine, with a decision on each candidate."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from core.records.selection_warnings import SelectionWarning

Policy = Literal["measured", "priority"]

POLICIES: dict[Policy, str] = {
    "measured": "the fastest on this machine at all cores with a sound grade of slight or better; "
    "nothing slower than the original, nothing that has not been measured on this machine",
    "priority": "Core ML, then quantized, then optimized, then the original; skips what is broken or not verified, "
    "accepts what has not been measured on this machine unless a benchmark of it is queued",
}
"""What each policy selects, the default first."""


class CandidateStatus(StrEnum):
    """What was decided on a candidate. The values are stored and part of the JSON output, as `verdict`."""

    SELECTED = "selected"
    ELIGIBLE = "eligible"
    """It may be selected, but another candidate comes first."""
    REJECTED = "rejected"


@dataclass(frozen=True)
class Decision:
    """The status of a candidate, with its reason."""

    variant: str
    status: CandidateStatus
    reason: str
    names_caveat: bool = False
    """Whether the reason includes the candidate's caveat."""


@dataclass(frozen=True)
class Selection:
    """The selected variant, with the decisions on all candidates in the policy's order."""

    voice: str
    policy: Policy
    pinned: str | None
    selected: str
    reason: str
    candidates: tuple[Decision, ...]
    warnings: tuple[SelectionWarning, ...] = ()


@dataclass(frozen=True)
class Preference:
    """The user's policy for a voice and the pinned variant, if any."""

    policy: Policy = "measured"
    pinned: str | None = None


@dataclass(frozen=True)
class StoredSelection:
    """A selection in the history of a voice on a machine."""

    id: int
    voice_id: str
    selected_sha256: str
    cause: str
    """What prompted it: a job, a command, a change of policy or pin."""
    created_at: str
    selection: Selection
