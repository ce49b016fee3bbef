"""What every pane of the dashboard works with."""

from dataclasses import dataclass

from core.workspace import Workspace
from tui.dashboard.actions import Actions
from tui.dashboard.environment import Environment


@dataclass(frozen=True)
class Context:
    """A workspace, the actions on it, and the machine."""

    workspace: Workspace
    actions: Actions
    environment: Environment
