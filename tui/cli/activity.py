"""`ttsdash jobs --since-last`: what happened while nobody looked."""

import sqlite3
from collections.abc import Iterator

import click

from core.records.job_states import ENDED, JobState
from core.records.jobs import Job
from core.store.activity import Activity, read_activity, record_visit
from core.store.lifecycle import is_paused
from jobs.queue_state import read_queue_state, stalled_reason
from tui.cli.context import Session
from tui.cli.output import print_line
from tui.json_output import activity_json
from tui.text.format import counted, job_duration, job_title, moment

_MOST = 20


def print_away(session: Session) -> None:
    """Tell it, and note that it was told."""
    away = read_activity(session.db)
    if session.as_json:
        session.print_json(activity_json(away, is_paused(session.db)))
    else:
        for line in _lines(session, away):
            print_line(line)
    try:
        record_visit(session.db, away)
    except sqlite3.OperationalError as error:
        # On a full disk, say: it is all told again next time.
        click.echo(f"ttsdash: that you have seen this cannot be noted ({error})", err=True)


def _lines(session: Session, away: Activity) -> Iterator[str]:
    nothing = ": nothing ended" if not (away.ended or away.hook_failures) else ""
    yield (f"since {moment(away.since)}" if away.since else "up to now") + nothing
    for state in ENDED:
        jobs, count = away.in_state(state), away.counts.get(state, 0)
        if jobs:
            yield f"{counted(count, 'job')} {state}"
        for job in jobs[:_MOST]:
            yield f"  {job_title(job)}{_outcome(job)}"
            if state == JobState.FAILED:
                yield f"    → {session.program} jobs logs {job.id}"
        if count > _MOST:
            yield f"  and {count - _MOST} more → {session.program} jobs list --state {state}"
    if away.hook_failures:
        yield f"{counted(len(away.hook_failures), 'hook')} failed"
    for job_id, detail in away.hook_failures[:_MOST]:
        yield f"  job {job_id}: {detail}"
    yield f"{away.running or 'none'} running, {away.waiting or 'none'} waiting"
    state_of_queue = read_queue_state(session.workspace, session.db)
    why = stalled_reason(state_of_queue)
    if why and (away.running or away.waiting or state_of_queue.paused):
        yield why


def _outcome(job: Job) -> str:
    if job.error:
        return f": {job.error}"
    return f", took {job_duration(job)}" if job.state == JobState.SUCCEEDED else ""
