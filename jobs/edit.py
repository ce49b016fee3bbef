"""Changes of a queued job, as a user words them."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.clock import parse_timestamp
from core.errors import InvalidInput
from core.records.job_states import JobKind
from core.records.jobs import Job
from core.records.voices import Voice
from core.store.jobs import get_job
from core.store.queue_control import JobUpdate, edit, queued
from core.store.voices import get_voice
from core.variants.recipes import RECIPES
from core.workspace import Workspace
from jobs.submit import benchmark_job, making_job, wake


@dataclass(frozen=True)
class JobEdit:
    """What is to be another than before; empty where it stays."""

    params: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the recipe, as they were typed."""
    variants: Sequence[str] = ()
    """What a benchmark measures."""
    threads: Sequence[int] = ()
    priority: int | None = None
    after: tuple[int, ...] | None = None
    not_before: str | None = None
    at_once: bool = False


def edit_job(workspace: Workspace, db: sqlite3.Connection, job_id: int, wording: JobEdit) -> None:
    """Raises NotFound, and BadInput for a job that is not queued, or that cannot be what is asked for."""
    job = queued(db, job_id)
    changes = JobUpdate(
        priority=wording.priority, after=wording.after, not_before=wording.not_before, at_once=wording.at_once
    )
    if wording.params:
        changes = _with_params(db, job, wording.params, changes)
    if wording.variants or wording.threads:
        changes = _with_scope(db, job, wording, changes)
    if changes == JobUpdate():
        raise InvalidInput(f"nothing to change in job {job_id}: see `ttsdash jobs edit --help`")
    edit(db, job_id, changes, _says(wording, changes))
    wake(workspace, wording.not_before)


def _with_params(db: sqlite3.Connection, job: Job, params: Mapping[str, str], changes: JobUpdate) -> JobUpdate:
    recipe = RECIPES.get(job.params.get("recipe", ""))
    if recipe is None:
        raise InvalidInput(f"job {job.id} is a {job.kind}: it has no parameters of a recipe")
    values = job.params["params"] | recipe.read(params)
    new = making_job(get_voice(db, job.voice), recipe.name, values, job.params.get("calibration"))
    return replace(changes, variant=new.variant, params=new.params)


def _with_scope(db: sqlite3.Connection, job: Job, wording: JobEdit, changes: JobUpdate) -> JobUpdate:
    if job.kind != JobKind.BENCHMARK:
        raise InvalidInput(f"job {job.id} is a {job.kind}: only a benchmark has variants and threads")
    voice = get_voice(db, job.voice)
    _check_variants(db, voice, wording.variants, job.after if wording.after is None else wording.after)
    new = benchmark_job(
        voice,
        wording.variants or job.params["variants"],
        wording.threads or job.params["threads"],
        job.params["texts_file"],
        job.params.get("width"),
        job.params.get("budget_s"),
    )
    return replace(changes, params=new.params)


def _check_variants(db: sqlite3.Connection, voice: Voice, names: Sequence[str], after: Sequence[int]) -> None:
    """Raises NotFound for one that is neither there nor made by a job which the benchmark waits for."""
    made = {get_job(db, entry).variant for entry in after}
    for name in names:
        if name not in made:
            voice.variant(name)


def _says(wording: JobEdit, changes: JobUpdate) -> str:
    """What stands in the job's history."""
    parts = [f"{name}={value}" for name, value in wording.params.items()]
    parts += [f"now {changes.variant}"] if changes.variant else []
    parts += [f"variants {', '.join(wording.variants)}"] if wording.variants else []
    parts += [f"threads {', '.join(map(str, wording.threads))}"] if wording.threads else []
    parts += [f"priority {changes.priority}"] if changes.priority is not None else []
    parts += [f"after {', '.join(map(str, changes.after)) or 'none'}"] if changes.after is not None else []
    parts += (
        [f"not before {parse_timestamp(changes.not_before).astimezone():%Y-%m-%d %H:%M}"] if changes.not_before else []
    )
    return "; ".join([*parts, *(["at once"] if changes.at_once else [])])
