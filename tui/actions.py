"""What the dashboard does when it is asked to. Runs in threads, never on the interface's; raises what the commands raise.

The dashboard imports this module when the first thing is asked of it, so that it is drawn before.
"""

import json
import subprocess
import sys
import threading
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from core.errors import BadInput, TtsdashError
from core.settings import read_settings
from core.store import control
from core.store.database import open_store
from core.store.jobs import Job, get_job, list_queued
from core.store.visits import Away, note_visit, read_away
from core.store.voices import Voice
from core.workspace import Workspace
from jobs import daemon
from jobs.edit import Wording, edit_job
from jobs.needs import limits_from
from jobs.submit import Queued, Wish, benchmark_job, submit, submit_wish, wake
from tui.formats import counted, id_list, megabytes
from tui.messages import ActionEnded, CameBack

# A key that is held down comes again before it is done: each time it starts from where the last one ended.
_one_by_one = threading.Lock()


def ensure_worker(workspace: Workspace) -> ActionEnded:
    """At the start of the dashboard: nothing to tell, the worker's state is in sight."""
    daemon.ensure_worker(workspace)
    return ActionEnded("")


def come_back(workspace: Workspace) -> CameBack:
    with closing(open_store(workspace)) as db:
        return CameBack(read_away(db))


def note_told(workspace: Workspace, away: Away) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        note_visit(db, away)
    return ActionEnded("")


def start_worker(workspace: Workspace) -> ActionEnded:
    daemon.start_worker(workspace)
    return ActionEnded("worker started")


def stop_worker(workspace: Workspace) -> ActionEnded:
    daemon.stop_worker(workspace, at_once=True)
    return ActionEnded("worker stopped")


def add_voice(workspace: Workspace, path: str) -> ActionEnded:
    """In a process of its own: reading a model takes memory and modules that the dashboard has no use for."""
    command = [sys.executable, "-P", "-m", "tui.cli", "voices", "add", path, "--json", "--home", str(workspace.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TtsdashError(done.stderr.strip().removeprefix("ttsdash: "))
    voice = json.loads(done.stdout)
    return ActionEnded(
        f"{voice['voice']}: {megabytes(voice['size_bytes'])} MB; press o to optimize it", voice=voice["voice"]
    )


def optimize(workspace: Workspace, voice: Voice, wish: Wish) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        queued = submit_wish(workspace, db, voice, wish)
    daemon.ensure_worker(workspace)
    return _tell_queued(queued)


def _tell_queued(queued: Queued) -> ActionEnded:
    there = f"{', '.join(queued.already)} already there" if queued.already else None
    new = [job_id for job_id in queued.ids if job_id not in queued.already.values()]
    made = f"queued job {', '.join(map(str, new))}: press 2 to watch" if new else None
    return ActionEnded("; ".join(filter(None, (there, made))), job=next(iter(new or queued.ids), None))


def benchmark(workspace: Workspace, voice: Voice) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        (job_id,) = submit(workspace, db, benchmark_job(voice, [variant.name for variant in voice.variants]))
    daemon.ensure_worker(workspace)
    return ActionEnded(f"queued job {job_id}: press 2 to watch", job=job_id)


def pause_queue(workspace: Workspace) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        control.pause(db)
    return ActionEnded("queue paused: what runs goes on, nothing is started")


def resume_queue(workspace: Workspace) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        control.resume(db)
    _get_on(workspace)
    return ActionEnded("jobs are started again")


def cancel_job(workspace: Workspace, job: Job) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        asked = control.cancel(db, job.id) == "asked"
    if asked:
        _settle(workspace)
    return ActionEnded(f"job {job.id}: {'asked to end' if asked else 'cancelled'}")


def cancel_all_jobs(workspace: Workspace) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        cancelled, asked = control.cancel_all(db)
    if asked:
        _settle(workspace)
    told = [f"{counted(cancelled, 'job')} cancelled", *([f"job {id_list(asked)} asked to end"] if asked else [])]
    return ActionEnded(", ".join(told))


def _settle(workspace: Workspace) -> None:
    """With no worker to end them, jobs that were asked to end are ended here."""
    if not daemon.worker_status(workspace).running:
        daemon.settle_cancelled(workspace)


def retry_job(workspace: Workspace, job: Job) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        return _queued_again(workspace, control.retry(db, job.id, limits=limits_from(read_settings(workspace))))


def retry_failed_jobs(workspace: Workspace) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        ids = control.retry_failed(db, limits_from(read_settings(workspace)))
    return _queued_again(workspace, ids) if ids else ActionEnded("no job failed: nothing to retry")


def _queued_again(workspace: Workspace, ids: list[int]) -> ActionEnded:
    _get_on(workspace)
    return ActionEnded(f"queued again: job {id_list(ids)}", job=ids[0])


def _get_on(workspace: Workspace) -> None:
    wake(workspace)
    daemon.ensure_worker(workspace)


def move_job(workspace: Workspace, job: Job, step: int) -> ActionEnded:
    """One place later or, with a step of -1, earlier."""
    with _one_by_one, closing(open_store(workspace)) as db:
        control.queued(db, job.id)
        neighbours = pairwise(waiting.id for waiting in list_queued(db))
        swapped = next((pair for pair in neighbours if pair[step < 0] == job.id), None)
        if swapped is None:
            raise BadInput(f"job {job.id} is the {'first' if step < 0 else 'last'} that waits")
        control.move_before(db, swapped[1], swapped[0])
    wake(workspace)
    return ActionEnded("")


def change_priority(workspace: Workspace, job: Job, step: int) -> ActionEnded:
    with _one_by_one, closing(open_store(workspace)) as db:
        edit_job(workspace, db, job.id, Wording(priority=get_job(db, job.id).priority + step))
    return ActionEnded("")


def export_results(workspace: Workspace, path: Path, voice: str | None) -> ActionEnded:
    from core.export.write import export, write_file
    from core.history.names import find_voice

    with closing(open_store(workspace)) as db:
        write_file(path, export(db, path.suffix.removeprefix("."), find_voice(db, voice) if voice else None))
    return ActionEnded(f"{path} is written")
