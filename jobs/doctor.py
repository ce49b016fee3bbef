"""All that the doctor looks at, the worker too."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path

from core import program_version
from core.assistant.config import AssistantConfig
from core.doctor.config import check_configuration
from core.doctor.database import open_to_read
from core.doctor.finding import Finding, State, run_check
from core.doctor.logout import check_logout
from core.doctor.machine import check_machine
from core.doctor.runtime import check_phonemes, check_runtime
from core.doctor.voices import check_voice, judge_library
from core.doctor.workspace import check_place, check_workspace, is_made
from core.hardware.machine import this_machine
from core.store.jobs import open_ids
from core.store.voices import list_voices
from core.workspace import Workspace
from jobs.lock import WorkerInfo, is_unresponsive, running_worker

Findings = dict[str, list[Finding]]
"""By area, in the order in which they are told."""


def examine(workspace: Workspace, config: Path | None = None) -> Findings:
    """Look at everything, and change nothing. Raises InvalidInput for a configuration that cannot be read."""
    configuration = AssistantConfig.load(config) if config else None
    found = {"machine": run_check("ONNX Runtime", check_runtime) + run_check("machine", check_machine)}
    opened, db = open_to_read(workspace.data_db) if is_made(workspace) else (None, None)
    with closing(db) if db else nullcontext():
        if opened:
            found["workspace"] = [*run_check("folder", lambda: check_workspace(workspace)), opened]
            found["worker"] = run_check("worker", lambda: _check_worker(workspace, db))
        else:
            found["workspace"] = run_check("folder", lambda: check_place(workspace))
        if db:
            found["machine"] += run_check("phonemes", lambda: check_phonemes(list_voices(db)))
            found |= _voices(db)
        if configuration:
            found["configuration"] = run_check(
                "paths", lambda: check_configuration(configuration, db, this_machine().id)
            )
    return found


def _check_worker(workspace: Workspace, db: sqlite3.Connection | None) -> Iterator[Finding]:
    info = running_worker(workspace)
    yield judge_worker(info, program_version(), _waiting(db))
    if info and is_unresponsive(workspace):
        yield Finding("worker", State.PROBLEM, "it has given no sign of life for a minute", "ttsdash worker start")
    yield from run_check("logging out", lambda: check_logout(info.pid if info else None))


def _waiting(db: sqlite3.Connection | None) -> int | None:
    return len(open_ids(db)) if db else None


def judge_worker(info: WorkerInfo | None, installed: str, waiting: int | None) -> Finding:
    """`waiting` is how many jobs are to be done; None where that cannot be read."""
    if info and info.version != installed:
        says = f"ttsdash {info.version} works (pid {info.pid}), but {installed} is installed"
        return Finding("worker", State.PROBLEM, says, "ttsdash worker stop && ttsdash worker start")
    if info:
        return Finding("worker", State.OK, f"runs, pid {info.pid}, ttsdash {info.version}")
    if waiting:
        says = f"none runs, and {waiting} {'job waits' if waiting == 1 else 'jobs wait'}"
        return Finding("worker", State.PROBLEM, says, "ttsdash worker start")
    return Finding("worker", State.OK, "none runs" if waiting is None else "none runs, and no job waits")


def _voices(db: sqlite3.Connection) -> Findings:
    """Each voice is an area of its own."""
    library = run_check("voices", lambda: judge_library(list_voices(db)))
    if library:
        return {"voices": library}
    machine = this_machine().id
    return {
        f"voice {voice.key}": run_check("files", partial(check_voice, db, voice, machine)) for voice in list_voices(db)
    }
