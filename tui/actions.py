"""What the dashboard does when it is asked to. Runs in threads, never on the interface's; raises what the commands raise.

The dashboard imports this module when the first thing is asked of it, so that it is drawn before.
"""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing

from core.errors import TtsdashError
from core.store.database import open_store
from core.store.jobs import Job, cancel, retry
from core.store.voices import Voice
from core.workspace import Workspace
from jobs import daemon
from jobs.submit import benchmark_job, submit, submit_optimize, wake


def start_worker(workspace: Workspace) -> str:
    _, started = daemon.start_worker(workspace)
    return "worker started" if started else ""


def stop_worker(workspace: Workspace) -> str:
    daemon.stop_worker(workspace, at_once=True)
    return "worker stopped"


def add_voice(workspace: Workspace, path: str) -> str:
    """In a process of its own: reading a model takes memory and modules that the dashboard has no use for."""
    command = [sys.executable, "-P", "-m", "tui.cli", "voices", "add", path, "--home", str(workspace.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TtsdashError(done.stderr.strip().removeprefix("ttsdash: "))
    return f"added {done.stdout.strip()}; press o to optimize it"


def optimize(workspace: Workspace, voice: Voice, recipes: Sequence[str], benchmark: bool) -> str:
    with closing(open_store(workspace)) as db:
        ids = submit_optimize(workspace, db, voice, recipes, benchmark)
    daemon.start_worker(workspace)
    return f"queued job {', '.join(map(str, ids))}: press 2 to watch"


def benchmark(workspace: Workspace, voice: Voice) -> str:
    with closing(open_store(workspace)) as db:
        job_id = submit(workspace, db, benchmark_job(voice, [variant.name for variant in voice.variants]))
    daemon.start_worker(workspace)
    return f"queued job {job_id}: press 2 to watch"


def cancel_job(workspace: Workspace, job: Job) -> str:
    with closing(open_store(workspace)) as db:
        asked = cancel(db, job.id) == "asked"
    if asked and not daemon.worker_status(workspace).running:
        daemon.settle_cancelled(workspace)
    return f"job {job.id}: {'asked to end' if asked else 'cancelled'}"


def retry_job(workspace: Workspace, job: Job) -> str:
    with closing(open_store(workspace)) as db:
        ids = retry(db, job.id)
    wake(workspace)
    daemon.start_worker(workspace)
    return f"queued again: job {', '.join(map(str, ids))}"
