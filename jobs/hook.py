"""The hook: a command from the workspace's settings, run when a job that was started has ended.

The store records the last end that a hook ran for, so none is missed when a worker dies; one may then be reported twice.
"""

import json
import logging
import sqlite3
import subprocess
import tempfile
import threading
import time
from contextlib import closing

from core.errors import InvalidInput, NotFound, format_error
from core.offline import users_environment
from core.records.job_states import ENDED, JobEventKind, sql_list
from core.report.job_json import job_json
from core.settings import read_settings
from core.store.database import open_store, transaction
from core.store.jobs import add_event, get_job
from core.text import escape_control
from core.workspace import Workspace
from jobs.process_groups import TAG, kill_group, tagged

MAX_S = 60.0
_POLL_INTERVAL_S = 0.05
_SHUTDOWN_S = 2.0
_log = logging.getLogger("ttsdash.hook")


class HookRunner:
    """A thread of the worker that runs hooks, so that a hung hook delays only later hooks."""

    def __init__(self, workspace: Workspace, interrupted: threading.Event) -> None:
        self._workspace, self._interrupted = workspace, interrupted
        self._job_ended = threading.Event()
        self._finishing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hook", daemon=True)

    def start(self) -> None:
        """Start the thread, which first runs the hooks that are due."""
        self._thread.start()
        self._job_ended.set()

    def wake(self) -> None:
        """Run the hook for a job that has just ended."""
        self._job_ended.set()

    def finish(self) -> None:
        """Run the hooks that are due, then stop; stop at once when the worker is interrupted."""
        self._finishing.set()
        self._job_ended.set()
        while self._thread.is_alive() and not self._interrupted.is_set():
            self._thread.join(0.1)
        # Leave the thread time to kill a running hook.
        self._thread.join(_SHUTDOWN_S)

    def _run(self) -> None:
        with closing(open_store(self._workspace)) as db:
            while not self._interrupted.is_set():
                last = self._finishing.is_set()
                try:
                    self._run_due(db)
                except (sqlite3.Error, OSError):
                    _log.exception("cannot run hooks; trying again when the next job ends")
                if last:
                    return
                self._job_ended.wait()
                self._job_ended.clear()

    def _run_due(self, db: sqlite3.Connection) -> None:
        for event, job_id in _ends(db):
            if self._interrupted.is_set():
                return
            failure = self._run_for(db, job_id)
            if failure and self._interrupted.is_set():
                return
            with transaction(db):
                if failure:
                    _log.error("job %s: %s", job_id, failure)
                    add_event(db, job_id, JobEventKind.HOOK_FAILED, failure)
                db.execute("UPDATE queue SET hooked_event = max(hooked_event, ?)", (event,))

    def _run_for(self, db: sqlite3.Connection, job_id: int) -> str | None:
        """Run the hook for a job that has ended. Return an error, or None."""
        try:
            job = get_job(db, job_id)
        except NotFound:
            return None  # the job was deleted meanwhile
        if not job.ended:
            return None  # the job was requeued meanwhile and will end again
        return run_hook(self._workspace, json.dumps(job_json(job)), self._interrupted)


def _ends(db: sqlite3.Connection) -> list[tuple[int, int]]:
    """Return the ends of started jobs for which no hook has run, as pairs of event id and job id."""
    rows = db.execute(
        f"""SELECT id, job_id FROM job_events
           WHERE id > (SELECT hooked_event FROM queue) AND attempt > 0 AND event IN {sql_list(ENDED)}
           ORDER BY id"""
    )
    return [(row["id"], row["job_id"]) for row in rows]


def run_hook(workspace: Workspace, job: str, interrupted: threading.Event) -> str | None:
    """Run the hook, if the settings name one, with `job` (JSON) on its standard input. Return a one-line error, or None.

    The hook ends with its worker: at once if the worker is interrupted; `kill_orphaned_hook` covers a killed worker.
    """
    try:
        command = read_settings(workspace).hook
    except InvalidInput as error:
        return str(error)
    if not command:
        return None
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as stdin:
        stdin.write(job.encode())
        stdin.seek(0)
        try:
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=workspace.root,
                env={**users_environment(), "TTSDASH_HOME": str(workspace.root), TAG: _environment_tag(workspace)},
            )
        except (OSError, ValueError) as error:
            return f"cannot start it: {format_error(error)}"
        killed = _wait(process, interrupted)
        output.seek(0)
        last_line = escape_control(output.read()[-2000:].decode(errors="replace").strip().split("\n")[-1])
    if killed:
        return f"{command[0]} was killed: {killed}"
    if process.returncode:
        return f"{command[0]} ended with code {process.returncode}" + (f": {last_line}" if last_line else "")
    return None


def _wait(process: subprocess.Popen[bytes], interrupted: threading.Event) -> str | None:
    """Wait for the hook to end. Return why it was killed, or None if it ended by itself."""
    deadline = time.monotonic() + MAX_S
    while process.poll() is None:
        late = time.monotonic() > deadline
        if late or interrupted.is_set():
            kill_group(process.pid)
            process.wait()
            return f"it took longer than {MAX_S:.0f} s" if late else "the worker was stopped"
        time.sleep(_POLL_INTERVAL_S)
    return None


def kill_orphaned_hook(workspace: Workspace) -> None:
    """Kill the hook of a worker that was killed; the hook runs again for that job.

    A process that an earlier hook left running continues, unless it leads a session: then it is taken for the hook.
    """
    for process in tagged(_environment_tag(workspace)):
        kill_group(process.pid)


def is_hook_running(workspace: Workspace) -> bool:
    """Return whether a hook of the workspace is running."""
    return bool(tagged(_environment_tag(workspace)))


def _environment_tag(workspace: Workspace) -> str:
    """Return the tag in the environment of the hook's processes."""
    return f"{workspace.root}#hook"
