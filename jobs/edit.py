"""Changes to queued jobs, as users ask for them."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.clock import parse_timestamp
from core.errors import InvalidInput
from core.records.job_states import JobKind
from core.records.jobs import Job
from core.records.voices import Voice
from core.store.jobs import get_job
from core.store.queue_control import JobUpdate, require_queued, update_job
from core.store.voices import get_voice
from core.variants.recipes import RECIPES
from core.workspace import Workspace
from jobs.submit import benchmark_job, variant_job, wake


@dataclass(frozen=True)
class JobEdit:
    """Requested changes to a queued job; empty or None: unchanged."""

    params: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the recipe, as typed."""
    variants: Sequence[str] = ()
    """The variants that a benchmark measures."""
    threads: Sequence[int] = ()
    priority: int | None = None
    after: tuple[int, ...] | None = None
    not_before: str | None = None
    clear_not_before: bool = False


def edit_job(workspace: Workspace, db: sqlite3.Connection, job_id: int, edit: JobEdit) -> None:
    """Change a queued job. Raises NotFound, and InvalidInput if it is not queued or the change is invalid."""
    job = require_queued(db, job_id)
    update = JobUpdate(
        priority=edit.priority, after=edit.after, not_before=edit.not_before, clear_not_before=edit.clear_not_before
    )
    if edit.params:
        update = _with_params(db, job, edit.params, update)
    if edit.variants or edit.threads:
        update = _with_benchmark_scope(db, job, edit, update)
    if update == JobUpdate():
        raise InvalidInput(f"nothing to change in job {job_id}: see `ttsdash jobs edit --help`")
    update_job(db, job_id, update, _describe(edit, update))
    wake(workspace, edit.not_before)


def _with_params(db: sqlite3.Connection, job: Job, params: Mapping[str, str], update: JobUpdate) -> JobUpdate:
    recipe = RECIPES.get(job.params.get("recipe", ""))
    if recipe is None:
        raise InvalidInput(f"job {job.id} is a {job.kind}, which has no recipe parameters")
    values = job.params["params"] | recipe.read(params)
    new = variant_job(
        get_voice(db, job.voice), recipe.name, values, job.params.get("calibration"), job.params.get("from")
    )
    return replace(update, variant=new.variant, params=new.params)


def _with_benchmark_scope(db: sqlite3.Connection, job: Job, edit: JobEdit, update: JobUpdate) -> JobUpdate:
    if job.kind != JobKind.BENCHMARK:
        raise InvalidInput(f"job {job.id} is a {job.kind}: only a benchmark has variants and threads")
    voice = get_voice(db, job.voice)
    _check_variants(db, voice, edit.variants, job.after if edit.after is None else edit.after)
    new = benchmark_job(
        voice,
        edit.variants or job.params["variants"],
        edit.threads or job.params["threads"],
        job.params["texts_file"],
        job.params.get("width"),
        job.params.get("budget_s"),
    )
    return replace(update, params={**new.params, "texts": job.params.get("texts")})


def _check_variants(db: sqlite3.Connection, voice: Voice, names: Sequence[str], after: Sequence[int]) -> None:
    """Raise NotFound for a variant that neither exists nor is made by a job that the benchmark waits for."""
    queued = {get_job(db, job_id).variant for job_id in after}
    for name in names:
        if name not in queued:
            voice.variant(name)


def _describe(edit: JobEdit, update: JobUpdate) -> str:
    """Return the changes as one line for the job's history."""
    parts = [f"{name}={value}" for name, value in edit.params.items()]
    if update.variant:
        parts.append(f"now {update.variant}")
    if edit.variants:
        parts.append(f"variants {', '.join(edit.variants)}")
    if edit.threads:
        parts.append(f"threads {', '.join(map(str, edit.threads))}")
    if update.priority is not None:
        parts.append(f"priority {update.priority}")
    if update.after is not None:
        parts.append(f"after {', '.join(map(str, update.after)) or 'none'}")
    if update.not_before:
        parts.append(f"not before {parse_timestamp(update.not_before).astimezone():%Y-%m-%d %H:%M}")
    if update.clear_not_before:
        parts.append("at once")
    return "; ".join(parts)
