"""What is known of jobs beyond the store: a worker that was killed, and a job that waits to be stored, cannot record it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from core.records.job_states import INTERRUPTED, PAUSED, JobState
from core.records.jobs import Job
from core.store.activity import Activity
from core.store.locked import locked_by
from core.workspace import Workspace
from jobs.finished import kept_attempts
from jobs.lock import running_worker


@dataclass(frozen=True)
class Observation:
    """What the worker's lock and the files in the workspace say about the jobs that the store calls running."""

    alive: bool
    """Whether their worker is running."""
    finished: Mapping[tuple[int, int], str]
    """By job and attempt, the stage of those that have finished and wait to be stored."""

    def see(self, job: Job) -> Job:
        """Return the job as it is now."""
        if job.state != JobState.RUNNING:
            return job
        if (job.id, job.attempt) in self.finished:
            job = replace(job, stage=self.finished[job.id, job.attempt], progress=1.0)
        return job if self.alive else replace(job, interrupted=True, cpu_percent=None, rss_mb=None)


def observe(workspace: Workspace) -> Observation:
    """Look at the workspace."""
    kept = list(kept_attempts(workspace))
    stage = waiting_stage(locked_by(workspace.data_db)) if kept else ""
    return Observation(running_worker(workspace) is not None, dict.fromkeys(kept, stage))


def waiting_stage(reason: str) -> str:
    """Return the stage of a job that has finished, but cannot be stored yet."""
    return f"finished, waits to be stored: data.db is {reason}"


def observed(jobs: Iterable[Job], workspace: Workspace) -> list[Job]:
    """Return jobs as they are now: without a worker, those that the store calls running are interrupted."""
    seen = observe(workspace)
    return [seen.see(job) for job in jobs]


def observed_activity(activity: Activity, workspace: Workspace) -> Activity:
    """Return the activity as it is now: without a worker, no job runs."""
    if running_worker(workspace):
        return activity
    return replace(activity, running=0, interrupted=activity.running)


def stored_states(shown: Iterable[str], workspace: Workspace) -> list[JobState]:
    """Return the states in the store of the jobs that are shown in one of these states."""
    absent = INTERRUPTED if running_worker(workspace) else JobState.RUNNING
    stored = {INTERRUPTED: JobState.RUNNING, PAUSED: JobState.QUEUED}
    return [stored.get(state) or JobState(state) for state in shown if state != absent]


def paused_only(shown: Collection[str]) -> bool | None:
    """Return which queued jobs are shown in one of these states: those that are paused, those that are not, or both (None)."""
    if (PAUSED in shown) == (JobState.QUEUED in shown):
        return None
    return PAUSED in shown
