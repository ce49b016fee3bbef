"""Runs the doctor in a subprocess: its checks may crash or take much memory."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.doctor.finding import Finding, State
from core.errors import InvalidInput
from core.settings import read_settings
from core.workspace import Workspace
from tui.dashboard.subcommand import Subcommand

if TYPE_CHECKING:
    from jobs.doctor import Findings


async def run_doctor(workspace: Workspace) -> Findings:
    """Return the doctor's findings, with those of the assistant's configuration if one is set. Raises TtsdashError."""
    config = await asyncio.to_thread(_configuration, workspace)
    if config is None:
        return await _run(workspace)
    try:
        return await _run(workspace, str(config))
    except InvalidInput as error:
        fix = "press 4, then f, and choose the assistant's YAML file"
        problem = Finding("file", State.PROBLEM, str(error), fix)
        return await _run(workspace) | {"configuration": [problem]}


def _configuration(workspace: Workspace) -> Path | None:
    with suppress(InvalidInput):
        return read_settings(workspace).assistant
    return None


async def _run(workspace: Workspace, *config: str) -> Findings:
    doctor = Subcommand(workspace, "doctor", *config)
    try:
        answer = await asyncio.to_thread(doctor.run)
    finally:
        # Ends it when the dashboard no longer waits. It changes nothing that could be left half done.
        doctor.terminate()
    found: Findings = {}
    for entry in answer["findings"]:
        entry["state"] = State(entry["state"])
        found.setdefault(entry.pop("area"), []).append(Finding(**entry))
    return found
