"""What travels between the dashboard's parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from textual.dom import DOMNode
from textual.message import Message

if TYPE_CHECKING:
    from core.store.jobs import Job
    from core.store.visits import Away
    from core.store.voices import Voice
    from tui.snapshot import Snapshot


@dataclass
class StoreChanged(Message):
    """The store, or the worker's state, is another than before."""

    snapshot: Snapshot

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, StoreChanged)


class Pane(Protocol):
    """A part of the screen that shows the store."""

    @property
    def ancestors(self) -> list[DOMNode]: ...

    def show(self, snapshot: Snapshot) -> None: ...

    def take_focus(self) -> None: ...


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


@dataclass
class CameBack(Message):
    """What happened since somebody looked here last."""

    away: Away


@dataclass
class OptimizeWanted(Message):
    """Somebody wants variants of this voice."""

    voice: Voice


@dataclass
class BenchmarkWanted(Message):
    """Somebody wants this voice and its variants measured."""

    voice: Voice


@dataclass
class CancelWanted(Message):
    """Somebody wants this job ended."""

    job: Job


@dataclass
class RetryWanted(Message):
    """Somebody wants this job tried again."""

    job: Job


@dataclass
class MoveWanted(Message):
    """Somebody wants this job to start so many places later, earlier if negative."""

    job: Job
    step: int


@dataclass
class PriorityWanted(Message):
    """Somebody wants this job's priority raised by so much."""

    job: Job
    step: int


@dataclass
class LogWanted(Message):
    """Somebody wants to read this job's log."""

    job: Job


@dataclass
class ExportWanted(Message):
    """Somebody wants the history of this voice, or of all, in a file."""

    path: Path
    voice: str | None
