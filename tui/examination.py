"""The doctor, run as the command runs it: in a process of its own, since what it tries may break or take much memory."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.doctor.finding import Finding
from core.errors import BadInput, TtsdashError
from core.settings import read_settings
from core.workspace import Workspace

if TYPE_CHECKING:
    from jobs.doctor import Findings

_BAD_INPUT = 2


async def examine_apart(workspace: Workspace) -> Findings:
    """What the doctor finds, also of the assistant's configuration if one is known. Raises TtsdashError."""
    config = await asyncio.to_thread(_configuration, workspace)
    if config is None:
        return await _examine(workspace)
    try:
        return await _examine(workspace, str(config))
    except BadInput as error:
        problem = Finding("file", "problem", str(error), "press 4, then f, and name the assistant's YAML file")
        return await _examine(workspace) | {"configuration": [problem]}


def _configuration(workspace: Workspace) -> Path | None:
    with suppress(BadInput):
        return read_settings(workspace).assistant
    return None


async def _examine(workspace: Workspace, *config: str) -> Findings:
    command = [sys.executable, "-P", "-m", "tui.cli", "doctor", *config, "--json", "--home", str(workspace.root)]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True
    )
    try:
        told, error = await process.communicate()
    finally:
        # Nobody waits any longer: it goes, with what it has started. It changes nothing that could be left half done.
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if not told:
        kind = BadInput if process.returncode == _BAD_INPUT else TtsdashError
        says = error.decode(errors="replace").strip().removeprefix("ttsdash: ")
        raise kind(says or f"the doctor ended with {process.returncode}: call `ttsdash doctor`")
    found: Findings = {}
    for entry in json.loads(told)["findings"]:
        found.setdefault(entry.pop("area"), []).append(Finding(**entry))
    return found
