"""The hook: one command of the workspace's settings, run at the end of each job that was started.

Which ends it was told of stands in the store, so that none is forgotten when a worker dies; one may be told twice then.
"""

import json
import logging
import os
import sqlite3
import subprocess
import tempfile
import threading
import time
from contextlib import closing

from core.errors import InvalidInput, NotFound, format_error
from core.records.job_states import ENDED, JobEventKind, sql_list
from core.report.job_json import job_json
from core.settings import read_settings
from core.store.database import open_store, transaction
from core.store.jobs import add_event, get_job
from core.text import escape_control
from core.workspace import Workspace
from jobs.process_groups import MARK, kill_group, tagged

LONGEST_S = 60.0
_LOOK_S = 0.05
_ENDING_S = 2.0
_log = logging.getLogger("ttsdash.hook")


class HookRunner:
    """A thread of the worker's, so that a hook that hangs holds up nothing but the hooks after it."""

    def __init__(self, workspace: Workspace, interrupted: threading.Event) -> None:
        self._workspace, self._interrupted = workspace, interrupted
        self._ended = threading.Event()
        self._last_round = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hook", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ended.set()

    def wake(self) -> None:
        """A job has ended."""
        self._ended.set()

    def finish(self) -> None:
        """Run what is due, and end; at once when the worker is interrupted."""
        self._last_round.set()
        self._ended.set()
        while self._thread.is_alive() and not self._interrupted.is_set():
            self._thread.join(0.1)
        # It ends a hook that runs.
        self._thread.join(_ENDING_S)

    def _run(self) -> None:
        with closing(open_store(self._workspace)) as db:
            while not self._interrupted.is_set():
                last = self._last_round.is_set()
                try:
                    self._run_due(db)
                except (sqlite3.Error, OSError):
                    _log.exception("hooks could not be run; they are at the next end of a job")
                if last:
                    return
                self._ended.wait()
                self._ended.clear()

    def _run_due(self, db: sqlite3.Connection) -> None:
        for event, job_id in _ends(db):
            if self._interrupted.is_set():
                return
            failure = self._tell(db, job_id)
            if failure and self._interrupted.is_set():
                return
            with transaction(db):
                if failure:
                    _log.error("job %s: %s", job_id, failure)
                    add_event(db, job_id, JobEventKind.HOOK_FAILED, failure)
                db.execute("UPDATE queue SET hooked_event = max(hooked_event, ?)", (event,))

    def _tell(self, db: sqlite3.Connection, job_id: int) -> str | None:
        """Run the hook for an end. Returns what went wrong."""
        try:
            job = get_job(db, job_id)
        except NotFound:
            return None  # it was forgotten meanwhile
        # One that was queued again meanwhile will end again.
        return run_hook(self._workspace, json.dumps(job_json(job)), self._interrupted) if job.ended else None


def _ends(db: sqlite3.Connection) -> list[tuple[int, int]]:
    """The events that are ends of jobs that were started and of which no hook was told, with their jobs."""
    rows = db.execute(
        f"""SELECT id, job_id FROM job_events
           WHERE id > (SELECT hooked_event FROM queue) AND attempt > 0 AND event IN {sql_list(ENDED)}
           ORDER BY id"""
    )
    return [(row["id"], row["job_id"]) for row in rows]


def run_hook(workspace: Workspace, job: str, interrupted: threading.Event) -> str | None:
    """Run the hook, if one is set, with this on its standard input. Returns one line on what went wrong.

    It ends with its worker: at once when that is interrupted, and by the next one (`end_left_over`) when that was killed.
    """
    try:
        command = read_settings(workspace).hook
    except InvalidInput as error:
        return str(error)
    if not command:
        return None
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as given:
        given.write(job.encode())
        given.seek(0)
        try:
            process = subprocess.Popen(
                command,
                stdin=given,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=workspace.root,
                env={**os.environ, "TTSDASH_HOME": str(workspace.root), MARK: _mark(workspace)},
            )
        except (OSError, ValueError) as error:
            return f"cannot start it: {format_error(error)}"
        ended = _wait(process, interrupted)
        output.seek(0)
        said = escape_control(output.read()[-2000:].decode(errors="replace").strip().split("\n")[-1])
    if ended:
        return f"{command[0]} was ended: {ended}"
    if process.returncode:
        return f"{command[0]} ended with code {process.returncode}" + (f": {said}" if said else "")
    return None


def _wait(process: subprocess.Popen[bytes], interrupted: threading.Event) -> str | None:
    """Wait for its end. Returns why it was ended from here, if it was."""
    deadline = time.monotonic() + LONGEST_S
    while process.poll() is None:
        late = time.monotonic() > deadline
        if late or interrupted.is_set():
            kill_group(process.pid)
            process.wait()
            return f"it took longer than {LONGEST_S:.0f} s" if late else "the worker was stopped"
        time.sleep(_LOOK_S)
    return None


def end_left_over(workspace: Workspace) -> None:
    """End the hook of a worker that was killed; its job is told again.

    What an earlier hook left running goes on, unless that leads a session of its own: such a process is taken for the hook.
    """
    for process in tagged(_mark(workspace)):
        kill_group(process.pid)


def hook_runs(workspace: Workspace) -> bool:
    return bool(tagged(_mark(workspace)))


def _mark(workspace: Workspace) -> str:
    """What the hook's processes carry in their environment."""
    return f"{workspace.root}#hook"
