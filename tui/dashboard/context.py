"""The context that every pane of the dashboard works in."""

from dataclasses import dataclass

from core.workspace import Workspace
from tui.dashboard.actions import Actions
from tui.dashboard.environment import Environment


@dataclass(frozen=True)
class Context:
    """A workspace, the actions on it, and the environment."""

    workspace: Workspace
    actions: Actions
    environment: Environment
