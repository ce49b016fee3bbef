"""Cleans up after killed jobs and dead workers."""

import logging
import shutil
import sqlite3
from contextlib import suppress

from core.clock import parse_timestamp
from core.errors import NotFound
from core.library.remove import finish_removals
from core.records.job_states import JobState
from core.records.jobs import Job
from core.store.jobs import get_job, list_jobs
from core.store.lifecycle import requeue
from core.variants.variant_files import discard_drafts, jobs_with_drafts
from core.workspace import Workspace
from jobs.process_groups import kill_orphans
from jobs.storing import drop_outdated, store_kept

_log = logging.getLogger("ttsdash.worker")


def environment_tag(workspace: Workspace, job: Job) -> str:
    """Return the tag in the environment of the processes of this attempt."""
    return f"{workspace.root}#{job.id}#{job.attempt}"


def remove_leftovers(workspace: Workspace, job: Job) -> None:
    """Remove the unfinished files of a job; call it when none of its processes is left.

    The checkpoint of a training stays until its job has succeeded.
    """
    try:
        discard_drafts(workspace, job.id, committed=job.result is not None)
    except OSError as error:
        _log.error("cannot remove the unfinished files of job %s: %s", job.id, error)
    shutil.rmtree(workspace.scratch(job.id), ignore_errors=True)
    if job.result is not None:
        shutil.rmtree(workspace.training(job.id), ignore_errors=True)


def has_advanced(workspace: Workspace, job: Job) -> bool:
    """Return whether this attempt at a job has left something that the next one goes on from."""
    folder = workspace.training(job.id)
    if job.started_at is None or not folder.is_dir():
        return False
    started = parse_timestamp(job.started_at).timestamp()
    return any(path.stat().st_mtime > started for path in folder.rglob("*"))


def reconcile(workspace: Workspace, db: sqlite3.Connection) -> None:
    """Kill the processes that a dead worker left running, store what their jobs had finished, requeue or fail the others.

    Also removes unfinished files that could not be removed when their jobs ended. Requires the worker's lock.
    """
    for job in list_jobs(db, states=(JobState.RUNNING,)):
        if job.process_group is not None:
            kill_orphans(job.process_group, environment_tag(workspace, job))
        store_kept(workspace, db, job)
        # Read the job again: its process may have committed the result just before it was killed.
        remove_leftovers(workspace, get_job(db, job.id))
        state = requeue(db, job.id, job.attempt, "its worker died", renews=has_advanced(workspace, job))
        _log.warning("job %s was left running by a dead worker: now %s", job.id, state)
    drop_outdated(workspace, db)
    for job_id in jobs_with_drafts(workspace):
        with suppress(NotFound):
            remove_leftovers(workspace, get_job(db, job_id))
    finish_removals(workspace, db)
