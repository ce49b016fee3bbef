"""What the dashboard does when it is asked to. Runs in threads, never on the interface's; raises what the commands raise.

The dashboard imports this module when the first thing is asked of it, so that it is drawn before.
"""

from __future__ import annotations

import threading
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.assistant.file import read_file
from core.errors import BadInput
from core.hardware.machine import this_machine
from core.hardware.probes import ask_apart
from core.recipes import GUIDE, RECIPES
from core.selection.judge import Policy
from core.settings import read_settings, set_assistant
from core.store import control
from core.store.database import open_store
from core.store.estimate import estimate
from core.store.jobs import Job, get_job, list_events, list_queued
from core.store.visits import Away, note_visit, read_away
from core.store.voices import Voice
from core.text import printable
from core.workspace import Workspace
from jobs import daemon
from jobs.edit import Wording, edit_job
from jobs.existing import find_existing
from jobs.needs import limits_from
from jobs.submit import Queued, Wish, benchmark_job, making_jobs, submit, submit_wish, wake
from tui.apart import Apart
from tui.formats import counted, id_list, megabytes
from tui.messages import ActionEnded, CameBack, KeysRead, Planned, Proposed
from tui.prospects import known_time

if TYPE_CHECKING:
    from core.assistant.proposal import Proposal

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


def read_keys(workspace: Workspace) -> KeysRead:
    return KeysRead(read_settings(workspace).keys)


def start_worker(workspace: Workspace) -> ActionEnded:
    daemon.start_worker(workspace)
    return ActionEnded("worker started")


def stop_worker(workspace: Workspace) -> ActionEnded:
    daemon.stop_worker(workspace, at_once=True)
    return ActionEnded("worker stopped")


def add_voice(workspace: Workspace, path: str) -> ActionEnded:
    return added(Apart(workspace, "voices", "add", path).run())


def added(voice: dict[str, Any]) -> ActionEnded:
    """What to say of a voice that was added."""
    told = f"{voice['voice']}: {megabytes(voice['size_bytes'])} MB; press o to optimize it, or A for all"
    return ActionEnded(told, voice=voice["voice"])


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


def plan_all(workspace: Workspace, voice: Voice) -> Planned:
    """Everything that this machine can make of the voice and has not made yet, and a benchmark of all that."""
    recipes = [recipe for recipe in RECIPES.values() if recipe.name != GUIDE]
    able = [recipe.name for recipe in recipes if not recipe.missing]
    wish = Wish(able, benchmark=True)
    jobs = making_jobs(voice, wish)
    there = find_existing(voice, jobs)
    new = [job for job in jobs if job.variant not in there]
    with closing(open_store(workspace)) as db:
        measuring = benchmark_job(voice, [str(job.variant) for job in jobs])
        times = [estimate(db, job, this_machine().id) for job in (*new, measuring)]
    made = f"{', '.join(str(job.variant) for job in new)}, then a benchmark" if new else "a benchmark"
    left_out = [f"{recipe.variant} cannot be made here: {recipe.missing}" for recipe in recipes if recipe.missing]
    question = [
        f"Queue {counted(len(new) + 1, 'job')} for {voice.key}?",
        f"{made} of {', '.join(str(job.variant) for job in jobs)}.",
        *([f"Made already: {', '.join(there)}."] if there else []),
        *left_out,
        f"Work: {known_time(times)}.",
    ]
    return Planned("\n".join(question), voice, wish)


def benchmark(workspace: Workspace, voice: Voice, variants: tuple[str, ...]) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        (job_id,) = submit(workspace, db, benchmark_job(voice, variants))
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


def cancel_jobs(workspace: Workspace, ids: list[int]) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        asked = control.cancel_several(db, ids)
    if asked:
        _settle(workspace)
    cancelled = [job_id for job_id in ids if job_id not in asked]
    told = [(cancelled, "cancelled"), (asked, "asked to end")]
    return ActionEnded("; ".join(f"job {id_list(some)}: {what}" for some, what in told if some))


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


def retry_jobs(workspace: Workspace, ids: list[int]) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        return _queued_again(workspace, control.retry(db, *ids, limits=limits_from(read_settings(workspace))))


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


def change_priority(workspace: Workspace, ids: list[int], step: int) -> ActionEnded:
    with _one_by_one, closing(open_store(workspace)) as db:
        for job_id in ids:
            edit_job(workspace, db, job_id, Wording(priority=get_job(db, job_id).priority + step))
    return ActionEnded("")


def edit(workspace: Workspace, job: Job, wording: Wording) -> ActionEnded:
    with closing(open_store(workspace)) as db:
        edit_job(workspace, db, job.id, wording)
        told = [event.detail for event in list_events(db, job.id) if event.event == "edited"]
    return ActionEnded(f"job {job.id}: {told[-1]}")


def select_anew(workspace: Workspace, voice: str) -> ActionEnded:
    return _select(workspace, voice)


def pin_variant(workspace: Workspace, voice: str, variant: str | None) -> ActionEnded:
    """None takes the pin away."""
    return _select(workspace, voice, pin=variant, unpin=variant is None)


def choose_policy(workspace: Workspace, voice: str, policy: Policy) -> ActionEnded:
    return _select(workspace, voice, policy=policy)


def _select(workspace: Workspace, voice: str, **wish: Any) -> ActionEnded:
    from core.selection.wishes import select_as_wished

    with closing(open_store(workspace)) as db:
        selection = select_as_wished(db, voice, **wish, probes=ask_apart())
    return ActionEnded(f"{voice}: {selection.selected} is selected ({selection.reason})")


def propose_selection(workspace: Workspace, voice: str) -> Proposed:
    """What would make the assistant load what is selected for the voice."""
    from core.assistant import proposal
    from core.assistant.config import AssistantConfig

    config = AssistantConfig.load(_configuration(workspace))
    with closing(open_store(workspace)) as db:
        return Proposed(proposal.propose_selection(db, config, voice, use_selected=True, probes=ask_apart()))


def propose_undo(workspace: Workspace) -> Proposed:
    from core.assistant import proposal

    return Proposed(proposal.propose_undo(read_file(_configuration(workspace))))


def write_proposal(workspace: Workspace, proposal: Proposal) -> ActionEnded:
    back = "" if proposal.backup else "; u undoes it"
    with closing(open_store(workspace)) as db:
        backup = proposal.write(db)
    return ActionEnded(printable(proposal.outcome(backup) + back), assistant=True)


def name_assistant(workspace: Workspace, config: Path) -> ActionEnded:
    set_assistant(workspace, config)
    return ActionEnded(printable(f"the assistant's configuration is {config}"), assistant=True)


def _configuration(workspace: Workspace) -> Path:
    config = read_settings(workspace).assistant
    if config is None:
        raise BadInput("no assistant's configuration is known: press f and name its file")
    return config


def export_results(workspace: Workspace, path: Path, voice: str | None) -> ActionEnded:
    from core.export.write import export, write_file
    from core.history.names import find_voice

    with closing(open_store(workspace)) as db:
        write_file(path, export(db, path.suffix.removeprefix("."), find_voice(db, voice) if voice else None))
    return ActionEnded(f"{path} is written")
