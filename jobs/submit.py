"""Queues jobs: rows first, then a wake-up."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.clock import parse_timestamp
from core.errors import InvalidInput
from core.records.job_states import OPEN, JobKind, sql_list
from core.records.jobs import NewJob
from core.records.voices import ORIGINAL, Voice
from core.settings import Settings, read_settings
from core.store.database import transaction
from core.store.jobs import add_job, get_job
from core.store.voices import get_voice
from core.variants.recipes import RECIPES, Value
from core.voices.sentences import label_of
from core.workspace import Workspace
from jobs.existing import find_up_to_date
from jobs.scheduling import MEASURING_NEED, limits_from, making_need

_MOST_THREADS = 1024


@dataclass(frozen=True)
class Scheduling:
    """How a job is to be queued."""

    priority: int = 0
    after: tuple[int, ...] = ()
    not_before: str | None = None


DEFAULT_SCHEDULING = Scheduling()


@dataclass(frozen=True)
class OptimizeRequest:
    """What to make of a voice: recipes by name, parameters as they were typed, a file of calibration sentences."""

    recipes: Sequence[str] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    calibration: str | None = None
    benchmark: bool = False
    terms: Scheduling = DEFAULT_SCHEDULING
    force: bool = False
    """Make again what is there already."""


@dataclass(frozen=True)
class Submission:
    """What became of a wish: the jobs that fulfil it, in its order, and those of them that were there before."""

    ids: tuple[int, ...]
    already: Mapping[str, int | None] = field(default_factory=dict)
    """By variant the job that makes or made it; None when that job was forgotten."""
    making: tuple[NewJob, ...] = ()
    """What the wish makes, also where it is there already."""


def making_job(
    voice: Voice, recipe: str, params: Mapping[str, Value] | None = None, calibration: str | None = None
) -> NewJob:
    """Raises BadInput for a parameter that the recipe does not have or that cannot be, or a recipe that needs what is not here."""
    made_by = RECIPES[recipe]
    if made_by.missing:
        raise InvalidInput(f"{made_by.variant}: {made_by.missing}")
    resolved = made_by.complete(params or {})
    asked: dict[str, Any] = {"recipe": recipe, "params": resolved}
    label = None
    if calibration and made_by.calibrated:
        asked["calibration"], label = calibration, label_of(Path(calibration))
    return NewJob(made_by.job, voice.id, made_by.variant_name(resolved, label), asked, need=making_need(voice))


def benchmark_job(
    voice: Voice,
    variants: Sequence[str],
    threads: Sequence[int] = (),
    texts_file: str | None = None,
    width: float | None = None,
    budget_s: float | None = None,
) -> NewJob:
    """A benchmark of the variants beside the original; without `threads` at one thread and at all cores.

    `width` is how narrow the interval of each speed-up is wanted, as a share of it, `budget_s` how long the measuring may
    take to get there; without them the settings say so when the job runs.

    Raises BadInput for a thread count that cannot be.
    """
    for count in threads:
        if not 1 <= count <= _MOST_THREADS:
            raise InvalidInput(f"{count} threads cannot be: give 1 to {_MOST_THREADS}")
    params = {
        "variants": [name for name in dict.fromkeys(variants) if name != ORIGINAL],
        "threads": sorted(set(threads)),
        "texts_file": texts_file,
        "width": width,
        "budget_s": budget_s,
    }
    return NewJob(JobKind.BENCHMARK, voice.id, None, params, need=MEASURING_NEED)


def submit_optimize(workspace: Workspace, db: sqlite3.Connection, voice: Voice, wish: OptimizeRequest) -> Submission:
    """Queue the recipes and, after them, a benchmark of what they make; without recipes of what is there already.

    A variant that is there as it would be made, or that a job is to make, is not made again unless the wish says so.
    Raises BadInput when there is nothing to do, or what is asked for cannot be.
    """
    if not wish.recipes and not wish.benchmark:
        raise InvalidInput("nothing to do: say what to make (--dynamic, --optimized, ... or --all), or --benchmark")
    jobs, settings = making_jobs(voice, wish), read_settings(workspace)
    there = {} if wish.force else find_up_to_date(get_voice(db, voice.key), jobs)
    with transaction(db):
        already = there if wish.force else there | _being_made(db, jobs)
        made = [already[job.variant] if job.variant in already else _add(db, job, wish.terms, settings) for job in jobs]
        ids = [entry for entry in made if entry is not None]
        if wish.benchmark:
            variants = [str(job.variant) for job in jobs] or [variant.name for variant in voice.variants]
            waits = tuple(entry for entry in ids if get_job(db, entry).state in OPEN)
            terms = replace(wish.terms, after=tuple(dict.fromkeys((*wish.terms.after, *waits))))
            ids.append(_add(db, benchmark_job(voice, variants), terms, settings))
    wake(workspace, wish.terms.not_before)
    return Submission(tuple(ids), already, tuple(jobs))


def _being_made(db: sqlite3.Connection, jobs: Sequence[NewJob]) -> dict[str, int | None]:
    """Those that a job is to make or makes just now; by name, with that job."""
    found: dict[str, int | None] = {}
    for job in jobs:
        rows = db.execute(
            f"""SELECT id, params FROM jobs WHERE kind = ? AND variant = ? AND state IN {sql_list(OPEN)}
                   AND voice_id = ? AND NOT cancel_asked ORDER BY id""",
            (job.kind, job.variant, job.voice_id),
        )
        found |= {str(job.variant): row["id"] for row in rows if json.loads(row["params"]) == job.params}
    return found


def _add(db: sqlite3.Connection, job: NewJob, terms: Scheduling, settings: Settings) -> int:
    return add_job(
        db,
        replace(
            job,
            limits=limits_from(settings),
            priority=terms.priority,
            after=terms.after,
            not_before=terms.not_before,
        ),
    )


def making_jobs(voice: Voice, wish: OptimizeRequest) -> list[NewJob]:
    """A job for each recipe, with those of the parameters that it has. Raises BadInput."""
    known = {name for recipe in wish.recipes for name in RECIPES[recipe].params}
    for name in wish.params:
        if name not in known:
            where = ", ".join(RECIPES[recipe].variant for recipe in wish.recipes) or "nothing to make"
            there = f"there is {', '.join(sorted(known))}" if known else "there is none"
            raise InvalidInput(f"no parameter {name!r} in {where}: {there}")
    if wish.calibration and not any(RECIPES[recipe].calibrated for recipe in wish.recipes):
        raise InvalidInput("--calibration is for recipes that are calibrated: add --static")
    return [
        making_job(
            voice,
            recipe,
            RECIPES[recipe].resolve({k: v for k, v in wish.params.items() if k in RECIPES[recipe].params}),
            wish.calibration,
        )
        for recipe in wish.recipes
    ]


def submit(
    workspace: Workspace, db: sqlite3.Connection, *jobs: NewJob, terms: Scheduling = DEFAULT_SCHEDULING
) -> list[int]:
    """Queue jobs, all or none. Returns their ids."""
    settings = read_settings(workspace)
    with transaction(db):
        ids = [_add(db, job, terms, settings) for job in jobs]
    wake(workspace, terms.not_before)
    return ids


def wake(workspace: Workspace, not_before: str | None = None) -> None:
    """Tell the worker, if one runs, to look into the job table, at that time if one is given."""
    from jobs.wakeups import open_wakeups

    wakeups = open_wakeups(workspace)
    if not_before:
        wakeups.wake_at(parse_timestamp(not_before))
    else:
        wakeups.wake()
