"""The job process: `python -P -m jobs.job_main HOME JOB ATTEMPT WORKER`."""

import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from core.errors import TtsdashError, format_error, is_disk_full
from core.processes import die_with_parent
from core.records.voices import Voice
from core.store.database import open_store
from core.store.jobs import StaleAttempt, get_job
from core.store.lifecycle import commit_error
from core.store.locked import when_unlocked
from core.store.voices import voice_of_id
from core.workspace import Workspace, find_workspace
from jobs.context import JobContext
from jobs.kinds import KINDS
from jobs.reporter import Reporter
from jobs.scheduling import DISK_FULL, disk_shortage

T = TypeVar("T")

_WAITING = "waiting: data.db is %s"
_log = logging.getLogger("ttsdash.job")


def main() -> int:
    """Run the job and return the exit code."""
    home, job_id, attempt, worker = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    die_with_parent(worker)
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    # It logs every operator that it removes, and warns where there is no Core ML.
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    workspace = find_workspace(home)

    def patiently(action: Callable[[], T]) -> T:
        return when_unlocked(workspace.data_db, action, on_wait=lambda reason: _log.warning(_WAITING, reason))

    try:
        db = patiently(lambda: open_store(workspace))
    except TtsdashError as error:
        # The job's row is out of reach; the worker reports the last line of the log.
        _log.error("%s", error)
        return DISK_FULL if is_disk_full(error) else 1
    job = patiently(lambda: get_job(db, job_id))
    voice = patiently(lambda: voice_of_id(db, job.voice_id))
    reporter = Reporter(workspace, job_id, attempt)
    try:
        if job.kind not in KINDS:
            raise TtsdashError(f"unknown kind of job: {job.kind!r} (update ttsdash)")
        context = JobContext(workspace, db, job, voice, attempt, reporter.report)
        KINDS[job.kind](context)
        reporter.report("selecting", 1.0)
        _update_selection(context)
    except StaleAttempt as error:
        _log.info("stopping: %s", error)
        return 1
    except Exception as error:  # noqa: BLE001 - whatever a job raises is recorded as its error
        # An input error explains itself; anything else is a bug, which needs a traceback.
        _log.error("failed: %s", format_error(error), exc_info=not isinstance(error, TtsdashError))
        reason = _reason(workspace, voice, error)
        with contextlib.suppress(StaleAttempt):
            patiently(lambda: commit_error(db, job_id, attempt, reason))
        return 1
    finally:
        reporter.stop()
    _log.info("succeeded")
    return 0


def _reason(workspace: Workspace, voice: Voice, error: Exception) -> str:
    """Return the error as one line, preceded by a disk shortage, since libraries may report a full disk as something else."""
    reason = format_error(error)
    shortage = disk_shortage(workspace, voice.size_bytes)
    return f"{shortage}; {reason}" if shortage else reason


def _update_selection(context: JobContext) -> None:
    """Update the selection of the voice. The job has already succeeded, so errors are only logged."""
    try:
        # This imports NumPy, so it is imported only now and does not delay the job.
        from core.selection.evaluate import select_and_record

        voice = voice_of_id(context.db, context.voice.id)
        select_and_record(context.db, voice.key, f"job {context.job.id}")
    except Exception:  # noqa: BLE001 - logged, and tried again at the next occasion
        _log.exception("cannot update the selection")


if __name__ == "__main__":
    try:
        code = main()
    except Exception as error:  # noqa: BLE001 - whatever could not be recorded is in the log, if there is room for it
        _log.critical("ended without recording why", exc_info=True)
        code = DISK_FULL if is_disk_full(error) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of some libraries hang in a normal exit; everything that matters is stored by now.
    os._exit(code)
