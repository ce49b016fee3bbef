"""The actions behind the keys: they change the store, the worker and files.

This module is light to import, so that the dashboard is drawn early: each action imports what it needs.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from textual.dom import DOMNode
from textual.message import Message

from core.errors import InvalidInput, TtsdashError, format_error
from core.store.database import open_store
from core.text import escape_control
from tui.dashboard.messages import ActivityRead, Focus, KeysRead, Outcome
from tui.dashboard.voice_actions import VoiceActions
from tui.text.format import counted, id_list, total_duration

if TYPE_CHECKING:
    from core.assistant.proposal import Proposal
    from core.records.jobs import Job, NewJob
    from core.records.selections import Policy
    from core.records.voices import Voice
    from core.store.activity import Activity
    from core.workspace import Workspace
    from jobs.edit import JobEdit
    from jobs.submit import OptimizeRequest, Submission
    from tui.dashboard.common.confirm import Question
    from tui.dashboard.environment import Environment

Arguments = ParamSpec("Arguments")
# A held key repeats faster than its action runs: one at a time, so that each starts from the result of the last.
_repeated_action = threading.Lock()


def perform(
    node: DOMNode, action: Callable[Arguments, Message], *arguments: Arguments.args, **named: Arguments.kwargs
) -> None:
    """Run an action in a thread and post its result to a node. An error becomes a failed `Outcome`."""

    def run() -> None:
        try:
            result: Message = action(*arguments, **named)
        except (TtsdashError, sqlite3.Error, OSError) as error:
            result = Outcome(format_error(error), failed=True)
        node.post_message(result)

    node.run_worker(run, thread=True, group="action")


class Actions(VoiceActions):
    """The actions on one workspace. Run them with `perform`: they block, and raise what the commands raise."""

    def __init__(self, workspace: Workspace, environment: Environment) -> None:
        super().__init__(workspace)
        self._environment = environment

    # The dashboard itself

    def read_activity(self) -> ActivityRead:
        """Read the activity since the last visit."""
        from core.store.activity import read_activity
        from jobs.liveness import observed_activity

        with closing(open_store(self._workspace)) as db:
            return ActivityRead(observed_activity(read_activity(db), self._workspace))

    def record_visit(self, activity: Activity) -> Outcome:
        """Record that the user has seen this activity."""
        from core.store.activity import record_visit

        with closing(open_store(self._workspace)) as db:
            record_visit(db, activity)
        return Outcome()

    def read_keys(self) -> KeysRead:
        """Read the custom keys from the settings."""
        from core.settings import read_settings

        return KeysRead(read_settings(self._workspace).keys)

    # The worker

    def ensure_worker(self) -> Outcome:
        """Start a worker if none runs. The status bar shows it, so nothing is reported."""
        from jobs import worker_control

        worker_control.ensure_worker(self._workspace)
        return Outcome()

    def start_worker(self) -> Outcome:
        """Start a worker, which stops when idle like any that the dashboard starts; it replaces an unresponsive one."""
        from jobs import worker_control

        worker_control.ensure_worker(self._workspace)
        return Outcome("Worker started.")

    def stop_worker(self) -> Outcome:
        """Stop the worker at once and requeue its jobs."""
        from jobs import worker_control

        worker_control.stop_worker(self._workspace, at_once=True)
        return Outcome("Worker stopped.")

    # Voices

    def optimize(self, voice: Voice, request: OptimizeRequest) -> Outcome:
        """Queue the requested variants of a voice."""
        from jobs import worker_control
        from jobs.submit import submit_optimize

        with closing(open_store(self._workspace)) as db:
            submission = submit_optimize(self._workspace, db, voice, request)
        worker_control.ensure_worker(self._workspace)
        return _submitted(submission)

    def plan_all(self, voice: Voice) -> Question:
        """Plan every missing variant that this machine can make, and a benchmark of all variants."""
        from core.store.durations import estimate
        from core.variants.recipes import RECIPES
        from core.variants.suitability import obstacle
        from jobs.submit import OptimizeRequest, benchmark_job, find_up_to_date, variant_jobs
        from tui.dashboard.common.confirm import Question

        recipes = [recipe for recipe in RECIPES.values() if recipe.in_all]
        obstacles = {recipe.name: obstacle(recipe, voice) for recipe in recipes}
        request = OptimizeRequest([name for name, reason in obstacles.items() if reason is None], benchmark=True)
        jobs = variant_jobs(voice, request)
        existing = find_up_to_date(voice, jobs)
        new = [job for job in jobs if job.variant not in existing]
        machine_id = self._environment.machine().id
        with closing(open_store(self._workspace)) as db:
            benchmark = benchmark_job(voice, [str(job.variant) for job in jobs])
            durations = [estimate(db, job, machine_id) for job in (*new, benchmark)]
        question = [f"Queue {counted(len(new) + 1, 'job')} for {voice.key}?"]
        if new:
            question.append(f"Make: {', '.join(str(job.variant) for job in new)}.")
        question.append(f"Benchmark: {', '.join(str(job.variant) for job in jobs)}.")
        if existing:
            question.append(f"Already made: {', '.join(existing)}.")
        for recipe in recipes:
            if obstacles[recipe.name]:
                question.append(f"{recipe.variant} cannot be made: {obstacles[recipe.name]}")
        question.append(f"Duration: {total_duration(durations)}.")
        return Question("\n".join(question), partial(self.optimize, voice, request))

    def plan_outdated(self, voice: Voice) -> Question:
        """Register a voice again if its files have changed, and plan its outdated variants with their benchmark."""
        from core.store.voices import get_voice
        from jobs.submit import OptimizeRequest, remake_jobs
        from tui.dashboard.common.confirm import Question
        from tui.dashboard.subcommand import Subcommand

        registered = Subcommand(self._workspace, "voices", "add", voice.path).run()
        request = OptimizeRequest(benchmark=True, outdated=True)
        with closing(open_store(self._workspace)) as db:
            voice = get_voice(db, registered["voice"])
            made = remake_jobs(db, voice, request)
        if not made.jobs:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in made.skipped.items())
            raise InvalidInput(reasons or f"no variant of {voice.key} is outdated")
        question = [f"Make the outdated variants of {voice.key} again, and benchmark them?"]
        question.append(f"Make: {', '.join(str(job.variant) for job in made.jobs)}.")
        question += [f"{name} cannot be made again: {reason}" for name, reason in made.skipped.items()]
        return Question("\n".join(question), partial(self.optimize, voice, request))

    def benchmark(self, job: NewJob, again: bool) -> Outcome:
        """Queue a benchmark. Raises InvalidInput if the same one is queued or running, unless it is wanted again."""
        from core.store.jobs import get_job
        from jobs import worker_control
        from jobs.submit import submit_benchmark

        with closing(open_store(self._workspace)) as db:
            submission = submit_benchmark(self._workspace, db, job, force=again)
            (job_id,) = submission.ids
            if submission.existing:
                raise InvalidInput(
                    f"already {get_job(db, job_id).shown_state}: job {job_id} (the last box queues it again)"
                )
        worker_control.ensure_worker(self._workspace)
        return Outcome(_queued([job_id]), _job(job_id))

    # The queue

    def pause_queue(self) -> Outcome:
        """Pause the queue: running jobs finish, no job starts."""
        from core.store import queue_control

        with closing(open_store(self._workspace)) as db:
            queue_control.pause(db)
        return Outcome("Queue paused. Running jobs finish, nothing new starts.")

    def resume_queue(self) -> Outcome:
        """Resume a paused queue."""
        from core.store import queue_control

        with closing(open_store(self._workspace)) as db:
            queue_control.resume(db)
        self._wake_worker()
        return Outcome("Queue resumed.")

    def pause_jobs(self, ids: list[int]) -> Outcome:
        """Pause these jobs, while others go on; a running one ends once its progress is saved."""
        from core.store.jobs import get_job
        from jobs import pausing

        with closing(open_store(self._workspace)) as db:
            pausing.pause_jobs(self._workspace, db, ids)
            running = [job_id for job_id in ids if get_job(db, job_id).pausing]
        paused = [job_id for job_id in ids if job_id not in running]
        report = []
        if paused:
            report.append(f"Paused {_jobs(paused)}; the others go on.")
        if running:
            report.append(f"Pausing {_jobs(running)}, once the progress is saved …")
        return Outcome(" ".join(report))

    def resume_jobs(self, ids: list[int]) -> Outcome:
        """Let paused jobs start again, each in its turn."""
        from core.store import pausing

        with closing(open_store(self._workspace)) as db:
            pausing.resume_jobs(db, ids)
        self._wake_worker()
        return Outcome(f"Resumed {_jobs(ids)}.")

    def cancel_jobs(self, ids: list[int]) -> Outcome:
        """Cancel these jobs; running ones end within seconds."""
        from core.store import queue_control

        with closing(open_store(self._workspace)) as db:
            running = queue_control.cancel_jobs(db, ids)
        if running:
            self._reap_cancelled()
        cancelled = [job_id for job_id in ids if job_id not in running]
        report = []
        if cancelled:
            report.append(f"Cancelled {_jobs(cancelled)}.")
        if running:
            report.append(f"Cancelling {_jobs(running)} …")
        return Outcome(" ".join(report))

    def cancel_all_jobs(self) -> Outcome:
        """Cancel every queued or running job."""
        from core.store import queue_control

        with closing(open_store(self._workspace)) as db:
            cancelled, running = queue_control.cancel_all(db)
        if running:
            self._reap_cancelled()
        report = [f"Cancelled {counted(cancelled, 'job')}."]
        if running:
            report.append(f"Cancelling {_jobs(running)} …")
        return Outcome(" ".join(report))

    def retry_jobs(self, ids: list[int]) -> Outcome:
        """Requeue these failed or cancelled jobs."""
        from core.settings import read_settings
        from core.store import queue_control
        from jobs.scheduling import default_limits

        with closing(open_store(self._workspace)) as db:
            requeued = queue_control.retry(db, *ids, limits=default_limits(read_settings(self._workspace)))
        return self._requeued(requeued)

    def retry_failed_jobs(self) -> Outcome:
        """Requeue every failed job."""
        from core.settings import read_settings
        from core.store import queue_control
        from jobs.scheduling import default_limits

        with closing(open_store(self._workspace)) as db:
            ids = queue_control.retry_failed(db, default_limits(read_settings(self._workspace)))
        return self._requeued(ids) if ids else Outcome("No failed jobs to retry.")

    def move_job(self, job: Job, step: int) -> Outcome:
        """Move a queued job down by one position, or up with a step of -1."""
        from core.store import queue_control
        from core.store.jobs import list_queued
        from jobs.submit import wake

        with _repeated_action, closing(open_store(self._workspace)) as db:
            queue_control.require_queued(db, job.id)
            for first, second in pairwise(queued.id for queued in list_queued(db)):
                if job.id == (second if step < 0 else first):
                    queue_control.move_before(db, second, first)
                    break
            else:
                raise InvalidInput(f"job {job.id} is already the {'first' if step < 0 else 'last'} in the queue")
        wake(self._workspace)
        return Outcome()

    def change_priority(self, ids: list[int], step: int) -> Outcome:
        """Add a step to the priority of these jobs."""
        from core.store.jobs import get_job
        from jobs.edit import JobEdit, edit_job

        with _repeated_action, closing(open_store(self._workspace)) as db:
            for job_id in ids:
                edit_job(self._workspace, db, job_id, JobEdit(priority=get_job(db, job_id).priority + step))
        return Outcome()

    def edit(self, job: Job, changes: JobEdit) -> Outcome:
        """Edit a queued job."""
        from core.records.job_states import JobEventKind
        from core.store.jobs import list_events
        from jobs.edit import edit_job

        with closing(open_store(self._workspace)) as db:
            edit_job(self._workspace, db, job.id, changes)
            edits = [event.detail for event in list_events(db, job.id) if event.event == JobEventKind.EDITED]
        return Outcome(f"Job {job.id}: {edits[-1]}")

    def _reap_cancelled(self) -> None:
        """End cancelled jobs that no worker is left to end."""
        from jobs import worker_control

        if not worker_control.worker_status(self._workspace).running:
            worker_control.reap_cancelled(self._workspace)

    def _requeued(self, ids: list[int]) -> Outcome:
        self._wake_worker()
        return Outcome(f"Requeued {_jobs(ids)}.", _job(ids[0]))

    def _wake_worker(self) -> None:
        from jobs import worker_control
        from jobs.submit import wake

        wake(self._workspace)
        worker_control.ensure_worker(self._workspace)

    # Selections and the assistant

    def reevaluate(self, voice: str) -> Outcome:
        """Evaluate the selection of a voice again."""
        return self._select(voice)

    def pin_variant(self, voice: str, variant: str | None) -> Outcome:
        """Pin a variant of a voice, or remove the pin with None."""
        return self._select(voice, pin=variant, unpin=variant is None)

    def choose_policy(self, voice: str, policy: Policy) -> Outcome:
        """Set the selection policy of a voice."""
        return self._select(voice, policy=policy)

    def _select(
        self, voice: str, *, policy: Policy | None = None, pin: str | None = None, unpin: bool = False
    ) -> Outcome:
        from core.selection.preferences import set_preference

        with closing(open_store(self._workspace)) as db:
            selection = set_preference(
                db, voice, policy=policy, pin=pin, unpin=unpin, hardware=self._environment.hardware()
            )
        return Outcome(f"{voice}: selected {selection.selected} ({selection.reason})")

    def propose_selection(self, voice: str, performance: bool) -> Proposal:
        """Propose the change that makes the assistant load the selected variant of a voice. Writes nothing.

        The `performance` keys are set on request. Raises UnknownLayout if no known key names the assistant's voice.
        """
        from core.assistant import proposal
        from core.assistant.config import AssistantConfig
        from core.settings import read_settings

        config = AssistantConfig.load(self._configuration(), read_settings(self._workspace).assistant_voice_key)
        with closing(open_store(self._workspace)) as db:
            return proposal.propose_selection(
                db,
                config,
                voice,
                use_selected=True,
                hardware=self._environment.hardware(),
                performance=performance and config.mapped_key is None,
            )

    def map_voice_key(self, key: str) -> None:
        """Record which key of the configuration holds the path of the assistant's voice."""
        from core.settings import set_assistant_voice_key

        set_assistant_voice_key(self._workspace, key)

    def propose_undo(self) -> Proposal:
        """Propose to restore the assistant's configuration from its backup. Writes nothing."""
        from core.assistant import proposal
        from core.assistant.file import read_file

        return proposal.propose_undo(read_file(self._configuration()))

    def write_proposal(self, proposal: Proposal) -> Outcome:
        """Write an approved change to the assistant's configuration."""
        hint = "" if proposal.backup else " · u undoes"
        with closing(open_store(self._workspace)) as db:
            backup = proposal.write(db)
        return Outcome(escape_control(proposal.outcome(backup) + hint))

    def set_assistant(self, config: Path) -> Outcome:
        """Record which file configures the assistant. Raises InvalidInput for one that cannot be read."""
        from core.assistant.config import AssistantConfig
        from core.settings import set_assistant

        path = AssistantConfig.load(config).file.path
        set_assistant(self._workspace, path)
        return Outcome(escape_control(f"Assistant config set to {path}."))

    def _configuration(self) -> Path:
        from core.settings import read_settings

        config = read_settings(self._workspace).assistant
        if config is None:
            raise InvalidInput("no assistant configuration set: press f to choose its YAML file")
        return config

    # Results

    def export_results(self, path: Path, voice: str | None) -> Outcome:
        """Export the benchmark history of one voice, or of all, to a file."""
        from core.export.write import export, write_file
        from core.history.names import find_voice

        with closing(open_store(self._workspace)) as db:
            write_file(path, export(db, path.suffix.removeprefix("."), find_voice(db, voice) if voice else None))
        return Outcome(f"Wrote {path}.")


def _submitted(submission: Submission) -> Outcome:
    new = [job_id for job_id in submission.ids if job_id not in submission.existing.values()]
    report = []
    if new:
        report.append(_queued(new))
    if submission.existing:
        names = (f"{name} (job {job})" if job else name for name, job in submission.existing.items())
        report.append(f"already made or queued: {', '.join(names)}")
    first = next(iter(new or submission.ids), None)
    return Outcome(" · ".join(report), _job(first) if first else None)


def _queued(ids: list[int]) -> str:
    return f"Queued {_jobs(ids)} · 2 shows the queue"


def _jobs(ids: Sequence[int]) -> str:
    return f"{'job' if len(ids) == 1 else 'jobs'} {id_list(ids)}"


def _job(job_id: int) -> Focus:
    return Focus("queue", str(job_id))
