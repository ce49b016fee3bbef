"""What a service manager is told of the worker of one workspace."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from core.workspace import Workspace
from jobs.service.steps import Command

SERVICE_VARIABLE = "TTSDASH_SERVICE"
"""In the environment of a worker that a service manager has started: the name of the service."""

_LONGEST_PART = 24


@dataclass(frozen=True)
class Service:
    """A file, and the commands that belong to it."""

    name: str
    command: tuple[str, ...]
    """What it runs."""
    file: Path
    content: bytes
    start: tuple[Command, ...]
    """Once the file is there."""
    restart: tuple[Command, ...]
    """Once it has replaced another one, or when the worker of it does not run."""
    keep: tuple[Command, ...]
    """When the file was there already, and its worker runs."""
    stop: tuple[Command, ...]
    """Before the file is removed."""
    forget: tuple[Command, ...]
    """Once it is removed."""
    promise: str
    """What the worker does once it is installed."""
    remains: str = ""
    """What is not undone when it is removed."""
    absent: str = ""
    """Why there is no service manager to tell it to."""


def service_name(workspace: Workspace) -> str:
    """`ttsdash` for the per-user workspace; else the folder's name, and some digits, as another may have that, too."""
    import platformdirs

    root = workspace.root.resolve()
    if root == Path(platformdirs.user_data_dir("ttsdash", appauthor=False)).resolve():
        return "ttsdash"
    readable = re.sub(r"[^a-z0-9]+", "-", root.name.lower())[:_LONGEST_PART].strip("-")
    digits = hashlib.sha256(os.fsencode(root)).hexdigest()[:6]
    return "-".join(part for part in ("ttsdash", readable, digits) if part)
