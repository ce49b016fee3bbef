"""What travels between the dashboard's parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from core.assistant.proposal import Proposal
    from core.store.jobs import Job
    from core.store.visits import Away
    from core.store.voices import Voice
    from jobs.submit import Wish
    from tui.snapshot import Snapshot
    from tui.widgets.pane import Pane


@dataclass
class StoreChanged(Message):
    """The store, or the worker's state, is another than before."""

    snapshot: Snapshot

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, StoreChanged)


@dataclass
class PaneMounted(Message):
    """A pane is ready to show the store."""

    pane: Pane


@dataclass
class ActionEnded(Message):
    """Something that was asked for has been done, or could not be."""

    text: str
    failed: bool = False
    voice: str | None = None
    """The voice that it made."""
    job: int | None = None
    """The first job that it queued."""
    assistant: bool = False
    """It changed what the assistant loads, or which file says so."""


@dataclass
class ActionWanted(Message):
    """Somebody wants something done that `tui.actions` has under this name."""

    action: str
    arguments: tuple[Any, ...] = ()


@dataclass
class Proposed(Message):
    """What would be written into the assistant's configuration, for somebody to agree to."""

    proposal: Proposal


@dataclass
class CameBack(Message):
    """What happened since somebody looked here last."""

    away: Away


@dataclass
class KeysRead(Message):
    """The settings' own keys, by action."""

    keys: Mapping[str, str]


@dataclass
class OptimizeWanted(Message):
    """Somebody wants variants of this voice."""

    voice: Voice
    gone: frozenset[str]
    """The paths of variants whose files are not there any more."""
    kind: str | None = None
    """Only those that such a job makes."""


@dataclass
class Planned(Message):
    """What fulfilling a wish takes, as a question."""

    question: str
    voice: Voice
    wish: Wish


@dataclass
class CancelWanted(Message):
    """Somebody wants these jobs ended."""

    jobs: list[Job]


@dataclass
class EditWanted(Message):
    """Somebody wants this job to be another."""

    job: Job


@dataclass
class LogWanted(Message):
    """Somebody wants to read this job's log."""

    job: Job


@dataclass
class ExportWanted(Message):
    """Somebody wants the history of this voice, or of all, in a file."""

    path: Path
    voice: str | None
