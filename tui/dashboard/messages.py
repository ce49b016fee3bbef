"""Messages between the parts of the dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from core.store.activity import Activity
    from tui.dashboard.common.dialogs import ActionScreen
    from tui.dashboard.snapshot import Snapshot


@dataclass
class StoreChanged(Message):
    """The store or the worker has changed."""

    snapshot: Snapshot

    def can_replace(self, message: Message) -> bool:
        """Return whether a later message makes this one obsolete."""
        return isinstance(message, StoreChanged)


@dataclass
class PaneMounted(Message):
    """A pane is ready to show a snapshot."""

    pane_id: str


@dataclass(frozen=True)
class Focus:
    """The row that the dashboard focuses as soon as its table shows it."""

    tab: str
    row: str


@dataclass
class Outcome(Message):
    """The end of an action: a notification for the user, or nothing when `text` is empty."""

    text: str = ""
    then: Focus | None = None
    failed: bool = False


@dataclass
class ActionEnded(Message):
    """The action of a dialog has ended."""

    dialog: ActionScreen
    outcome: Outcome


@dataclass
class Verified(Message):
    """The files of a voice have been checked."""

    title: str
    lines: list[str]


@dataclass
class ActivityRead(Message):
    """The activity since the last visit has been read."""

    activity: Activity


@dataclass
class KeysRead(Message):
    """The custom keys in the settings have been read."""

    keys: Mapping[str, str]
    """By action."""
