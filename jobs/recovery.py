"""Puts right what a killed job or a dead worker left behind."""

import logging
import shutil
import sqlite3

from core.store.jobs import Job, list_jobs, put_back
from core.variants import discard_drafts
from core.workspace import Workspace
from jobs.process_groups import kill_leftovers

_log = logging.getLogger("ttsdash.worker")


def remove_leftovers(workspace: Workspace, job: Job) -> None:
    """Remove what a job left half made; call it when none of its processes lives any more."""
    discard_drafts(workspace, job.id, committed=job.result is not None)
    shutil.rmtree(workspace.scratch(job.id), ignore_errors=True)


def reconcile(workspace: Workspace, db: sqlite3.Connection) -> None:
    """End the processes of jobs that a dead worker left running, and queue the jobs again (or give them up).

    Only the holder of the worker's lock may do this.
    """
    for job in list_jobs(db, states=("running",)):
        if job.process_group is not None and job.group_started is not None:
            kill_leftovers(job.process_group, job.group_started)
        remove_leftovers(workspace, job)
        state = put_back(db, job.id, job.attempt, "its worker died")
        _log.warning("job %s was left running by a worker that died: now %s", job.id, state)
