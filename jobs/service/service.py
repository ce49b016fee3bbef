"""The definition of a service that runs the worker of a workspace."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from core.workspace import Workspace
from jobs.service.steps import Command

SERVICE_VARIABLE = "TTSDASH_SERVICE"
"""The environment variable that holds the service's name in a worker started by a service manager."""

_MAX_NAME_PART = 24


@dataclass(frozen=True)
class Service:
    """A service: its definition file, and the commands that make the service manager use it."""

    name: str
    command: tuple[str, ...]
    """The command that the service runs."""
    file: Path
    content: bytes
    start: tuple[Command, ...]
    """Run after the file was created."""
    restart: tuple[Command, ...]
    """Run after the file was replaced, or if its worker is not running."""
    refresh: tuple[Command, ...]
    """Run if the file is unchanged and its worker is running."""
    stop: tuple[Command, ...]
    """Run before the file is removed."""
    after_removal: tuple[Command, ...]
    """Run after the file was removed."""
    behavior: str
    """How the installed worker behaves, as the end of a sentence."""
    remains: str = ""
    """What the removal does not undo."""
    unavailable: str = ""
    """Why this machine has no service manager; empty if it has one."""


def service_name(workspace: Workspace) -> str:
    """Return `ttsdash` for the per-user workspace, otherwise `ttsdash-FOLDER-HASH`, unique to the path."""
    import platformdirs

    root = workspace.root.resolve()
    if root == Path(platformdirs.user_data_dir("ttsdash", appauthor=False)).resolve():
        return "ttsdash"
    readable = re.sub(r"[^a-z0-9]+", "-", root.name.lower())[:_MAX_NAME_PART].strip("-")
    digits = hashlib.sha256(os.fsencode(root)).hexdigest()[:6]
    return "-".join(part for part in ("ttsdash", readable, digits) if part)
