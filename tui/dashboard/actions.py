"""What the dashboard does to the store, the worker and files when a key asks for it.

Light to import: the dashboard is drawn before anything is asked of it, so each action imports what it needs.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from textual.dom import DOMNode
from textual.message import Message

from core.errors import InvalidInput, TtsdashError, format_error
from core.store.database import open_store
from core.text import escape_control
from tui.dashboard.messages import CameBack, Focus, KeysRead, Outcome, Planned, Proposed
from tui.text.format import counted, id_list, megabytes

if TYPE_CHECKING:
    from core.assistant.proposal import Proposal
    from core.records.jobs import Job
    from core.records.selections import Policy
    from core.records.voices import Voice
    from core.store.activity import Activity
    from core.workspace import Workspace
    from jobs.edit import JobEdit
    from jobs.submit import OptimizeRequest, Submission
    from tui.dashboard.environment import Environment

Arguments = ParamSpec("Arguments")
# A key that is held down repeats before its action has ended: each repetition starts from the result of the last one.
_one_by_one = threading.Lock()


def perform(
    node: DOMNode, action: Callable[Arguments, Message], *arguments: Arguments.args, **named: Arguments.kwargs
) -> None:
    """Run an action in a thread, and post what it returns to the node; an error becomes a failed `Outcome`."""

    def run() -> None:
        try:
            ended: Message = action(*arguments, **named)
        except (TtsdashError, sqlite3.Error, OSError) as error:
            ended = Outcome(format_error(error), failed=True)
        node.post_message(ended)

    node.run_worker(run, thread=True, group="act")


class Actions:
    """The actions on one workspace. Call them in a thread, with `perform`; they raise what the commands raise."""

    def __init__(self, workspace: Workspace, environment: Environment) -> None:
        self._workspace, self._environment = workspace, environment

    # The dashboard itself

    def come_back(self) -> CameBack:
        """Read what happened since the last visit."""
        from core.store.activity import read_activity

        with closing(open_store(self._workspace)) as db:
            return CameBack(read_activity(db))

    def note_told(self, away: Activity) -> Outcome:
        """Record that the user has been shown what happened."""
        from core.store.activity import record_visit

        with closing(open_store(self._workspace)) as db:
            record_visit(db, away)
        return Outcome()

    def read_keys(self) -> KeysRead:
        """Read the keys in the settings."""
        from core.settings import read_settings

        return KeysRead(read_settings(self._workspace).keys)

    # The worker

    def ensure_worker(self) -> Outcome:
        """Start a worker if none runs; the status bar shows it."""
        from jobs import worker_control

        worker_control.ensure_worker(self._workspace)
        return Outcome()

    def start_worker(self) -> Outcome:
        """Start a worker, in place of one that is unresponsive."""
        from jobs import worker_control

        worker_control.start_worker(self._workspace)
        return Outcome("worker started")

    def stop_worker(self) -> Outcome:
        """Stop the worker at once; its jobs are requeued."""
        from jobs import worker_control

        worker_control.stop_worker(self._workspace, at_once=True)
        return Outcome("worker stopped")

    # Voices

    def add_voice(self, path: str) -> Outcome:
        """Add the voice in a file, in a subprocess."""
        from tui.dashboard.subcommand import Apart

        return added(Apart(self._workspace, "voices", "add", path).run())

    def optimize(self, voice: Voice, wish: OptimizeRequest) -> Outcome:
        """Queue the variants that are wanted of a voice."""
        from jobs import worker_control
        from jobs.submit import submit_optimize

        with closing(open_store(self._workspace)) as db:
            queued = submit_optimize(self._workspace, db, voice, wish)
        worker_control.ensure_worker(self._workspace)
        return _tell_queued(queued)

    def plan_all(self, voice: Voice) -> Planned:
        """Plan every variant that this machine can make and that is not there yet, and a benchmark of all."""
        from core.store.durations import estimate
        from core.variants.recipes import GUIDE, RECIPES
        from jobs.submit import OptimizeRequest, benchmark_job, find_up_to_date, variant_jobs
        from tui.text.format import known_time

        recipes = [recipe for recipe in RECIPES.values() if recipe.name != GUIDE]
        wish = OptimizeRequest([recipe.name for recipe in recipes if not recipe.missing], benchmark=True)
        jobs = variant_jobs(voice, wish)
        there = find_up_to_date(voice, jobs)
        new = [job for job in jobs if job.variant not in there]
        machine_id = self._environment.machine().id
        with closing(open_store(self._workspace)) as db:
            measuring = benchmark_job(voice, [str(job.variant) for job in jobs])
            times = [estimate(db, job, machine_id) for job in (*new, measuring)]
        made = f"{', '.join(str(job.variant) for job in new)}, then a benchmark" if new else "a benchmark"
        question = [
            f"Queue {counted(len(new) + 1, 'job')} for {voice.key}?",
            f"{made} of {', '.join(str(job.variant) for job in jobs)}.",
        ]
        if there:
            question.append(f"Made already: {', '.join(there)}.")
        for recipe in recipes:
            if recipe.missing:
                question.append(f"{recipe.variant} cannot be made here: {recipe.missing}")
        question.append(f"Work: {known_time(times)}.")
        return Planned("\n".join(question), voice, wish)

    def benchmark(self, voice: Voice, variants: tuple[str, ...]) -> Outcome:
        """Queue a benchmark of some variants of a voice."""
        from jobs import worker_control
        from jobs.submit import benchmark_job, submit

        with closing(open_store(self._workspace)) as db:
            (job_id,) = submit(self._workspace, db, benchmark_job(voice, variants))
        worker_control.ensure_worker(self._workspace)
        return Outcome(f"queued job {job_id}: press 2 to watch", _job(job_id))

    # The queue

    def pause_queue(self) -> Outcome:
        """Start no more jobs."""
        from core.store import queue_control

        with closing(open_store(self._workspace)) as db:
            queue_control.pause(db)
        return Outcome("queue paused: what runs goes on, nothing is started")

    def resume_queue(self) -> Outcome:
        """Start jobs again."""
        from core.store import queue_control

        with closing(open_store(self._workspace)) as db:
            queue_control.resume(db)
        self._wake_worker()
        return Outcome("jobs are started again")

    def cancel_jobs(self, ids: list[int]) -> Outcome:
        """Cancel these jobs; those that run are asked to end."""
        from core.store import queue_control

        with closing(open_store(self._workspace)) as db:
            asked = queue_control.cancel_jobs(db, ids)
        if asked:
            self._settle()
        cancelled = [job_id for job_id in ids if job_id not in asked]
        told = [(cancelled, "cancelled"), (asked, "asked to end")]
        return Outcome("; ".join(f"job {id_list(some)}: {what}" for some, what in told if some))

    def cancel_all_jobs(self) -> Outcome:
        """Cancel every job that waits or runs."""
        from core.store import queue_control

        with closing(open_store(self._workspace)) as db:
            cancelled, asked = queue_control.cancel_all(db)
        if asked:
            self._settle()
        told = [f"{counted(cancelled, 'job')} cancelled"]
        if asked:
            told.append(f"job {id_list(asked)} asked to end")
        return Outcome(", ".join(told))

    def retry_jobs(self, ids: list[int]) -> Outcome:
        """Queue these failed or cancelled jobs again."""
        from core.settings import read_settings
        from core.store import queue_control
        from jobs.scheduling import default_limits

        with closing(open_store(self._workspace)) as db:
            queued = queue_control.retry(db, *ids, limits=default_limits(read_settings(self._workspace)))
        return self._queued_again(queued)

    def retry_failed_jobs(self) -> Outcome:
        """Queue every failed job again."""
        from core.settings import read_settings
        from core.store import queue_control
        from jobs.scheduling import default_limits

        with closing(open_store(self._workspace)) as db:
            ids = queue_control.retry_failed(db, default_limits(read_settings(self._workspace)))
        return self._queued_again(ids) if ids else Outcome("no job failed: nothing to retry")

    def move_job(self, job: Job, step: int) -> Outcome:
        """Move a job one place later in the queue, or one earlier with a step of -1."""
        from core.store import queue_control
        from core.store.jobs import list_queued
        from jobs.submit import wake

        with _one_by_one, closing(open_store(self._workspace)) as db:
            queue_control.require_queued(db, job.id)
            for first, second in pairwise(waiting.id for waiting in list_queued(db)):
                if job.id == (second if step < 0 else first):
                    queue_control.move_before(db, second, first)
                    break
            else:
                raise InvalidInput(f"job {job.id} is the {'first' if step < 0 else 'last'} that waits")
        wake(self._workspace)
        return Outcome()

    def change_priority(self, ids: list[int], step: int) -> Outcome:
        """Add a step to the priority of these jobs."""
        from core.store.jobs import get_job
        from jobs.edit import JobEdit, edit_job

        with _one_by_one, closing(open_store(self._workspace)) as db:
            for job_id in ids:
                edit_job(self._workspace, db, job_id, JobEdit(priority=get_job(db, job_id).priority + step))
        return Outcome()

    def edit(self, job: Job, wording: JobEdit) -> Outcome:
        """Change a job that waits."""
        from core.store.jobs import list_events
        from jobs.edit import edit_job

        with closing(open_store(self._workspace)) as db:
            edit_job(self._workspace, db, job.id, wording)
            told = [event.detail for event in list_events(db, job.id) if event.event == "edited"]
        return Outcome(f"job {job.id}: {told[-1]}")

    def _settle(self) -> None:
        """End jobs that were asked to end, where no worker does it."""
        from jobs import worker_control

        if not worker_control.worker_status(self._workspace).running:
            worker_control.reap_cancelled(self._workspace)

    def _queued_again(self, ids: list[int]) -> Outcome:
        self._wake_worker()
        return Outcome(f"queued again: job {id_list(ids)}", _job(ids[0]))

    def _wake_worker(self) -> None:
        from jobs import worker_control
        from jobs.submit import wake

        wake(self._workspace)
        worker_control.ensure_worker(self._workspace)

    # Selections and the assistant

    def select_anew(self, voice: str) -> Outcome:
        """Evaluate the selection of a voice again."""
        return self._select(voice)

    def pin_variant(self, voice: str, variant: str | None) -> Outcome:
        """Pin a variant of a voice; None removes the pin."""
        return self._select(voice, pin=variant, unpin=variant is None)

    def choose_policy(self, voice: str, policy: Policy) -> Outcome:
        """Set the policy that selects among the variants of a voice."""
        return self._select(voice, policy=policy)

    def _select(
        self, voice: str, *, policy: Policy | None = None, pin: str | None = None, unpin: bool = False
    ) -> Outcome:
        from core.selection.preferences import select_with_preference

        with closing(open_store(self._workspace)) as db:
            selection = select_with_preference(
                db, voice, policy=policy, pin=pin, unpin=unpin, probes=self._environment.probes()
            )
        return Outcome(f"{voice}: {selection.selected} is selected ({selection.reason})")

    def propose_selection(self, voice: str) -> Proposed:
        """Propose the change that makes the assistant load the selected variant of a voice."""
        from core.assistant import proposal
        from core.assistant.config import AssistantConfig

        config = AssistantConfig.load(self._configuration())
        with closing(open_store(self._workspace)) as db:
            return Proposed(
                proposal.propose_selection(db, config, voice, use_selected=True, probes=self._environment.probes())
            )

    def propose_undo(self) -> Proposed:
        """Propose to put the backup of the assistant's configuration back."""
        from core.assistant import proposal
        from core.assistant.file import read_file

        return Proposed(proposal.propose_undo(read_file(self._configuration())))

    def write_proposal(self, proposal: Proposal) -> Outcome:
        """Write an approved change into the assistant's configuration."""
        back = "" if proposal.backup else "; u undoes it"
        with closing(open_store(self._workspace)) as db:
            backup = proposal.write(db)
        return Outcome(escape_control(proposal.outcome(backup) + back))

    def name_assistant(self, config: Path) -> Outcome:
        """Record which file configures the assistant."""
        from core.settings import set_assistant

        set_assistant(self._workspace, config)
        return Outcome(escape_control(f"the assistant's configuration is {config}"))

    def _configuration(self) -> Path:
        from core.settings import read_settings

        config = read_settings(self._workspace).assistant
        if config is None:
            raise InvalidInput("no assistant's configuration is known: press f and name its file")
        return config

    # Results

    def export_results(self, path: Path, voice: str | None) -> Outcome:
        """Write the benchmark history of a voice, or of all, into a file."""
        from core.export.write import export, write_file
        from core.history.names import find_voice

        with closing(open_store(self._workspace)) as db:
            write_file(path, export(db, path.suffix.removeprefix("."), find_voice(db, voice) if voice else None))
        return Outcome(f"{path} is written")


def added(voice: dict[str, Any]) -> Outcome:
    """Return what to say of a voice that was added, which `voice` holds as `ttsdash voices add --json` prints it."""
    told = f"{voice['voice']}: {megabytes(voice['size_bytes'])} MB; press o to optimize it, or A for all"
    return Outcome(told, Focus("voices", f"{voice['voice']}/original"))


def _tell_queued(queued: Submission) -> Outcome:
    new = [job_id for job_id in queued.ids if job_id not in queued.already.values()]
    told = []
    if queued.already:
        told.append(f"{', '.join(queued.already)} already there")
    if new:
        told.append(f"queued job {', '.join(map(str, new))}: press 2 to watch")
    first = next(iter(new or queued.ids), None)
    return Outcome("; ".join(told), _job(first) if first else None)


def _job(job_id: int) -> Focus:
    return Focus("queue", str(job_id))
