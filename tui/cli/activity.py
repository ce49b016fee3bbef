"""`ttsdash jobs --since-last`: what has happened since the last visit."""

import sqlite3
from collections.abc import Iterator

from core.records.job_states import ENDED, JobState
from core.records.jobs import Job
from core.store.activity import Activity, read_activity, record_visit
from core.store.lifecycle import is_paused
from jobs.liveness import observed_activity
from jobs.queue_state import read_queue_state, stalled_reason
from tui.cli.context import Session
from tui.cli.output import print_line, print_note
from tui.json_output import activity_json
from tui.text.format import counted, job_duration, job_title, local_time

_MAX_LISTED = 20


def print_activity(session: Session) -> None:
    """Print the activity, and record that the user has seen it."""
    activity = observed_activity(read_activity(session.db), session.workspace)
    if session.as_json:
        session.print_json(activity_json(activity, is_paused(session.db)))
    else:
        for line in _lines(session, activity):
            print_line(line)
    try:
        record_visit(session.db, activity)
    except sqlite3.OperationalError as error:
        # For example on a full disk: the same activity is shown again next time.
        print_note(f"ttsdash: cannot record that you have seen this ({error})")


def _lines(session: Session, activity: Activity) -> Iterator[str]:
    nothing = ": nothing ended" if not (activity.ended or activity.hook_failures) else ""
    yield (f"since {local_time(activity.since)}" if activity.since else "up to now") + nothing
    for state in ENDED:
        jobs, count = activity.in_state(state), activity.counts.get(state, 0)
        if jobs:
            yield f"{counted(count, 'job')} {state}"
        for job in jobs[:_MAX_LISTED]:
            yield f"  {job_title(job)}{_outcome(job)}"
            if state == JobState.FAILED:
                yield f"    → {session.program} jobs logs {job.id}"
        if count > _MAX_LISTED:
            yield f"  and {count - _MAX_LISTED} more → {session.program} jobs list --state {state}"
    if activity.hook_failures:
        yield f"{counted(len(activity.hook_failures), 'hook')} failed"
    for job_id, detail in activity.hook_failures[:_MAX_LISTED]:
        yield f"  job {job_id}: {detail}"
    interrupted = f", {activity.interrupted} interrupted" if activity.interrupted else ""
    paused = f", {activity.paused} paused" if activity.paused else ""
    yield f"{activity.running or 'none'} running{interrupted}, {activity.waiting or 'none'} waiting{paused}"
    queue = read_queue_state(session.workspace, session.db)
    why = stalled_reason(queue)
    if why and (activity.running or activity.interrupted or activity.waiting or activity.paused or queue.paused):
        yield why


def _outcome(job: Job) -> str:
    if job.error:
        return f": {job.error}"
    return f", took {job_duration(job)}" if job.state == JobState.SUCCEEDED else ""
