"""Puts right what a killed job or a dead worker left behind."""

import logging
import shutil
import sqlite3
from contextlib import suppress

from core.errors import NotFound
from core.records.job_states import JobState
from core.records.jobs import Job
from core.store.jobs import get_job, list_jobs
from core.store.lifecycle import requeue
from core.variants.variant_files import discard_drafts, jobs_with_drafts
from core.workspace import Workspace
from jobs.process_groups import kill_leftovers

_log = logging.getLogger("ttsdash.worker")


def environment_tag(workspace: Workspace, job: Job) -> str:
    """What the processes of this attempt carry in their environment."""
    return f"{workspace.root}#{job.id}#{job.attempt}"


def remove_leftovers(workspace: Workspace, job: Job) -> None:
    """Remove what a job left half made; call it when none of its processes lives any more."""
    try:
        discard_drafts(workspace, job.id, committed=job.result is not None)
    except OSError as error:
        _log.error("what job %s left behind could not be removed: %s", job.id, error)
    shutil.rmtree(workspace.scratch(job.id), ignore_errors=True)


def reconcile(workspace: Workspace, db: sqlite3.Connection) -> None:
    """End the processes of jobs that a dead worker left running, and queue the jobs again (or give them up).

    What jobs left half made that ended otherwise, when it could not be removed, is removed now. Only the holder of the
    worker's lock may do this.
    """
    for job in list_jobs(db, states=(JobState.RUNNING,)):
        if job.process_group is not None:
            kill_leftovers(job.process_group, environment_tag(workspace, job))
        # The last thing that its process did may have been to hand in the result.
        remove_leftovers(workspace, get_job(db, job.id))
        state = requeue(db, job.id, job.attempt, "its worker died")
        _log.warning("job %s was left running by a worker that died: now %s", job.id, state)
    for job_id in jobs_with_drafts(workspace):
        with suppress(NotFound):
            remove_leftovers(workspace, get_job(db, job_id))
