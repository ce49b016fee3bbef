"""The tabs of the dashboard: a new tab is one entry in `TABS`, with its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.dashboard.common.pane import Pane
    from tui.dashboard.context import Context


@dataclass(frozen=True)
class Tab:
    """A tab. Its key is its position in `TABS`."""

    id: str
    title: str
    make: Callable[[Context, str], Pane]
    """Makes the pane, with the id given. Imports it only now, so that the dashboard is drawn early."""

    @property
    def pane_id(self) -> str:
        """Return the id of the pane."""
        return f"{self.id}-pane"

    @property
    def styles(self) -> Path:
        """Return the path of the style sheet."""
        return Path(__file__).parent / self.id / f"{self.id}.tcss"


def _voices(context: Context, id: str) -> Pane:
    from tui.dashboard.voices.pane import VoicesPane

    return VoicesPane(context, id)


def _queue(context: Context, id: str) -> Pane:
    from tui.dashboard.queue.pane import QueuePane

    return QueuePane(context, id)


def _results(context: Context, id: str) -> Pane:
    from tui.dashboard.results.pane import ResultsPane

    return ResultsPane(context, id)


def _selection(context: Context, id: str) -> Pane:
    from tui.dashboard.selection.pane import SelectionPane

    return SelectionPane(context, id)


def _system(context: Context, id: str) -> Pane:
    from tui.dashboard.system.pane import SystemPane

    return SystemPane(context, id)


TABS = (
    Tab("voices", "Voices", _voices),
    Tab("queue", "Queue", _queue),
    Tab("results", "Results", _results),
    Tab("selection", "Selection", _selection),
    Tab("system", "System", _system),
)
