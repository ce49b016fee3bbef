"""Run all checks of the doctor, those of the worker included."""

import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext, suppress
from functools import partial
from pathlib import Path

from core import program_version
from core.assistant.config import AssistantConfig
from core.doctor.config import check_configuration
from core.doctor.database import open_read_only
from core.doctor.finding import Finding, State, run_check
from core.doctor.logout import check_logout
from core.doctor.machine import check_machine
from core.doctor.runtime import check_phonemes, check_runtime
from core.doctor.speech import check_speech
from core.doctor.voices import check_voice, judge_library
from core.doctor.workspace import check_location, check_workspace, workspace_exists
from core.errors import InvalidInput
from core.hardware.machine import this_machine
from core.settings import read_settings
from core.store.jobs import failures_not_retried, open_ids, paused_ids
from core.store.voices import list_voices
from core.workspace import Workspace
from jobs.lock import WorkerInfo, is_unresponsive, running_worker

_MAX_IDS = 5
_TRIALS_AT_A_TIME = 2

Findings = dict[str, list[Finding]]
"""The findings by area, in display order."""


def diagnose(workspace: Workspace, config: Path | None = None) -> Findings:
    """Run all checks and change nothing. Raises InvalidInput for a configuration that cannot be read."""
    configuration = AssistantConfig.load(config, _voice_key(workspace)) if config else None
    worker = running_worker(workspace)
    found = {
        "machine": [
            *run_check("ONNX Runtime", check_runtime),
            *run_check("machine", lambda: check_machine(worker.limits if worker else None)),
            *run_check("phonemes", check_phonemes),
        ]
    }
    opened, db = open_read_only(workspace.data_db) if workspace_exists(workspace) else (None, None)
    with closing(db) if db else nullcontext():
        if opened:
            found["workspace"] = [*run_check("folder", lambda: check_workspace(workspace)), opened]
            found["worker"] = run_check("worker", lambda: _check_worker(workspace, db))
        else:
            found["workspace"] = run_check("folder", lambda: check_location(workspace))
        if db:
            found |= _voices(db)
        if configuration:
            found["configuration"] = run_check(
                "paths", lambda: check_configuration(configuration, db, this_machine().id)
            )
    return found


def _voice_key(workspace: Workspace) -> str | None:
    """Return the key that names the assistant's voice; None if the settings have none, or cannot be read."""
    with suppress(InvalidInput):
        return read_settings(workspace).assistant_voice_key
    return None


def _check_worker(workspace: Workspace, db: sqlite3.Connection | None) -> Iterator[Finding]:
    info = running_worker(workspace)
    yield judge_worker(info, program_version(), len(open_ids(db)) - len(paused_ids(db)) if db else None)
    if info and is_unresponsive(workspace):
        yield Finding("worker", State.PROBLEM, "it has not responded for a minute", "ttsdash worker start")
    if db:
        yield from judge_failed(failures_not_retried(db))
    yield from run_check("logging out", lambda: check_logout(info.pid if info and not info.elsewhere else None))


def judge_worker(info: WorkerInfo | None, installed: str, open_jobs: int | None) -> Finding:
    """Return the finding for the running worker, if any; `open_jobs` is None if they cannot be counted."""
    if info and info.version != installed:
        message = f"running ttsdash {info.version} (pid {info.pid}), but {installed} is installed"
        return Finding("worker", State.PROBLEM, message, "ttsdash worker stop && ttsdash worker start")
    if info:
        where = f" on {info.host}" if info.elsewhere else ""
        return Finding("worker", State.OK, f"running{where}, pid {info.pid}, ttsdash {info.version}")
    if open_jobs:
        message = f"not running, but {open_jobs} {'job is' if open_jobs == 1 else 'jobs are'} waiting"
        return Finding("worker", State.PROBLEM, message, "ttsdash worker start")
    return Finding("worker", State.OK, "not running" if open_jobs is None else "not running, no jobs waiting")


def judge_failed(failed: Sequence[int]) -> Iterator[Finding]:
    """Yield a finding for failed jobs that were neither retried nor deleted, given their ids."""
    if not failed:
        return
    ids = ", ".join(map(str, failed[:_MAX_IDS])) + (", ..." if len(failed) > _MAX_IDS else "")
    which = f"job {ids}" if len(failed) == 1 else f"{len(failed)} jobs ({ids})"
    message = f"{which} failed and {'was' if len(failed) == 1 else 'were'} neither retried nor deleted (jobs clean)"
    job_id = failed[0]
    show = f"ttsdash jobs show {job_id}" if len(failed) == 1 else "ttsdash jobs list --state failed"
    yield Finding("failed jobs", State.PROBLEM, message, f"{show} && ttsdash jobs retry --failed")


def _voices(db: sqlite3.Connection) -> Findings:
    """Return the findings for each voice, one area per voice."""
    library = run_check("voices", lambda: judge_library(list_voices(db)))
    if library:
        return {"voices": library}
    machine, voices = this_machine().id, list_voices(db)
    # Each trial is a process; the connection to the store stays in this thread.
    with ThreadPoolExecutor(_TRIALS_AT_A_TIME) as pool:
        spoken = pool.map(lambda voice: run_check("speech", lambda: check_speech(voice)), voices)
    return {
        f"voice {voice.key}": [*run_check("files", partial(check_voice, db, voice, machine)), *speech]
        for voice, speech in zip(voices, spoken, strict=True)
    }
