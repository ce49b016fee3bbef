"""The child process of one job: `python -P -m jobs.job_main HOME JOB ATTEMPT WORKER`."""

import contextlib
import logging
import os
import sqlite3
import sys
import time

from core.errors import TtsdashError, format_error
from core.processes import die_with_parent
from core.records.jobs import Job
from core.store.database import open_store
from core.store.jobs import StaleAttempt, get_job
from core.store.lifecycle import commit_error
from core.store.voices import get_voice
from core.workspace import Workspace, find_workspace
from jobs.context import JobContext
from jobs.kinds import KINDS
from jobs.reporter import Reporter
from jobs.space import disk_shortage

_log = logging.getLogger("ttsdash.job")


def main() -> int:
    home, job_id, attempt, worker = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    die_with_parent(worker)
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    # It tells every operator that it removes, and that there is no Core ML here.
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    workspace = find_workspace(home)
    try:
        db = open_store(workspace)
    except TtsdashError as error:
        # Its row cannot be reached; the worker tells the log's last line.
        _log.error("%s", error)
        return 1
    job = get_job(db, job_id)
    reporter = Reporter(workspace, job_id, attempt)
    try:
        if job.kind not in KINDS:
            raise TtsdashError(f"this version knows no jobs of kind {job.kind!r}: update ttsdash")
        context = JobContext(workspace, db, job, get_voice(db, job.voice), attempt, reporter.report)
        KINDS[job.kind](context)
        reporter.report("selecting", 1.0)
        _select_again(context)
    except StaleAttempt as gone:
        _log.info("stopping: %s", gone)
        return 1
    except Exception as error:  # noqa: BLE001 - whatever a kind of job raises is how the job failed
        # A user's error explains itself; anything else is ours, and its traceback is wanted.
        _log.error("failed: %s", format_error(error), exc_info=not isinstance(error, TtsdashError))
        with contextlib.suppress(StaleAttempt):
            commit_error(db, job_id, attempt, _reason(workspace, db, job, error))
        return 1
    finally:
        reporter.stop()
    _log.info("succeeded")
    return 0


def _reason(workspace: Workspace, db: sqlite3.Connection, job: Job, error: Exception) -> str:
    """A library that cannot write a file may complain of something else, for want of its other half, say."""
    reason = format_error(error)
    full = disk_shortage(workspace, get_voice(db, job.voice).size_bytes)
    return f"{full}; {reason}" if full else reason


def _select_again(context: JobContext) -> None:
    """What the job made is stored: whatever happens here, it has succeeded."""
    try:
        # NumPy comes with it: imported only now, so that the job itself begins at once.
        from core.selection.evaluate import select_and_record

        select_and_record(context.db, context.voice.key, f"job {context.job.id}")
    except Exception:  # noqa: BLE001 - a selection that fails is told, and made at the next chance
        _log.exception("the selection could not be made anew")


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Some libraries' threads hang in a normal exit; everything that counts is in the store by now.
    os._exit(code)
