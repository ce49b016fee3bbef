"""What the dashboard does when it is asked to. Runs in threads, never on the interface's; raises what the commands raise.

The dashboard imports this module when the first thing is asked of it, so that it is drawn before.
"""

import json
import subprocess
import sys
from contextlib import closing

from core.errors import TtsdashError
from core.store.database import open_store
from core.store.jobs import Job, cancel, retry
from core.store.voices import Voice
from core.workspace import Workspace
from jobs import daemon
from jobs.submit import Wish, benchmark_job, submit, submit_wish, wake
from tui.formats import megabytes
from tui.messages import ActionEnded


def ensure_worker(workspace: Workspace) -> ActionEnded:
    """At the start of the dashboard: nothing to tell, the worker's state is in sight."""
    daemon.start_worker(workspace)
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
        ids = submit_wish(workspace, db, voice, wish)
    daemon.start_worker(workspace)
    return ActionEnded(f"queued job {', '.join(map(str, ids))}: press 2 to watch", job=ids[0])


def benchmark(workspace: Workspace, voice: Voice) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        job_id = submit(workspace, db, benchmark_job(voice, [variant.name for variant in voice.variants]))
    daemon.start_worker(workspace)
    return ActionEnded(f"queued job {job_id}: press 2 to watch", job=job_id)


def cancel_job(workspace: Workspace, job: Job) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        asked = cancel(db, job.id) == "asked"
    if asked and not daemon.worker_status(workspace).running:
        daemon.settle_cancelled(workspace)
    return ActionEnded(f"job {job.id}: {'asked to end' if asked else 'cancelled'}")


def retry_job(workspace: Workspace, job: Job) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        ids = retry(db, job.id)
    wake(workspace)
    daemon.start_worker(workspace)
    return ActionEnded(f"queued again: job {', '.join(map(str, ids))}", job=ids[0])
