"""The definition of a service that runs the worker of a workspace."""

import hashlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import InvalidInput
from core.users import home_folder, why_no_home
from core.workspace import Workspace, per_user_root
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
    root = workspace.root.resolve()
    with suppress(InvalidInput):  # a user without a home folder
        if root == per_user_root().resolve():
            return "ttsdash"
    readable = re.sub(r"[^a-z0-9]+", "-", root.name.lower())[:_MAX_NAME_PART].strip("-")
    digits = hashlib.sha256(os.fsencode(root)).hexdigest()[:6]
    return "-".join(part for part in ("ttsdash", readable, digits) if part)


def service_home() -> Path:
    """Return the home folder, which the service manager reads definitions from. Raises InvalidInput if it is unknown."""
    home = home_folder()
    if home is None:
        raise InvalidInput(
            f"your home folder, where a service is defined, is unknown ({why_no_home()}): set HOME, or use `ttsdash worker start`"
        )
    return home
