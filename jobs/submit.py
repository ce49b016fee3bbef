"""Queues jobs: rows first, then a wake-up."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.recipes import RECIPES
from core.sentences import label_of
from core.store.database import transaction
from core.store.jobs import NewJob, add_job
from core.store.voices import ORIGINAL, Voice
from core.workspace import Workspace

_MOST_THREADS = 1024


@dataclass(frozen=True)
class Wish:
    """What to make of a voice: recipes by name, parameters as they were typed, a file of calibration sentences."""

    recipes: Sequence[str] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    calibration: str | None = None
    benchmark: bool = False


def making_job(
    voice: Voice, recipe: str, params: Mapping[str, str] | None = None, calibration: str | None = None
) -> NewJob:
    """Raises BadInput for a parameter that the recipe does not have or that cannot be, or a recipe that needs what is not here."""
    made_by = RECIPES[recipe]
    if made_by.missing:
        raise BadInput(f"{made_by.variant}: {made_by.missing}")
    resolved = made_by.resolve(params or {})
    asked: dict[str, Any] = {"recipe": recipe, "params": resolved}
    label = None
    if calibration and made_by.calibrated:
        asked["calibration"], label = calibration, label_of(Path(calibration))
    return NewJob(made_by.job, voice.id, made_by.variant_of(resolved, label), asked)


def benchmark_job(
    voice: Voice,
    variants: Sequence[str],
    threads: Sequence[int] = (),
    texts_file: str | None = None,
    after: Sequence[int] = (),
) -> NewJob:
    """A benchmark of the variants beside the original; without `threads` at one thread and at all cores.

    Raises BadInput for a thread count that cannot be.
    """
    for count in threads:
        if not 1 <= count <= _MOST_THREADS:
            raise BadInput(f"{count} threads cannot be: give 1 to {_MOST_THREADS}")
    params = {
        "variants": [name for name in dict.fromkeys(variants) if name != ORIGINAL],
        "threads": sorted(set(threads)),
        "texts_file": texts_file,
    }
    return NewJob("benchmark", voice.id, None, params, alone=True, after=tuple(after))


def submit_wish(workspace: Workspace, db: sqlite3.Connection, voice: Voice, wish: Wish) -> list[int]:
    """Queue the recipes and, after them, a benchmark of what they make; without recipes of what is there already.

    Raises BadInput when there is nothing to do, or what is asked for cannot be.
    """
    if not wish.recipes and not wish.benchmark:
        raise BadInput("nothing to do: say what to make (--dynamic, --optimized, ... or --all), or --benchmark")
    jobs = making_jobs(voice, wish)
    with transaction(db):
        ids = [add_job(db, job) for job in jobs]
        if wish.benchmark:
            variants = [str(job.variant) for job in jobs] or [variant.name for variant in voice.variants]
            ids.append(add_job(db, benchmark_job(voice, variants, after=ids)))
    wake(workspace)
    return ids


def making_jobs(voice: Voice, wish: Wish) -> list[NewJob]:
    """A job for each recipe, with those of the parameters that it has. Raises BadInput."""
    known = {name for recipe in wish.recipes for name in RECIPES[recipe].params}
    for name in wish.params:
        if name not in known:
            where = ", ".join(RECIPES[recipe].variant for recipe in wish.recipes) or "nothing to make"
            there = f"there is {', '.join(sorted(known))}" if known else "there is none"
            raise BadInput(f"no parameter {name!r} in {where}: {there}")
    if wish.calibration and not any(RECIPES[recipe].calibrated for recipe in wish.recipes):
        raise BadInput("--calibration is for recipes that are calibrated: add --static")
    return [
        making_job(
            voice,
            recipe,
            {name: value for name, value in wish.params.items() if name in RECIPES[recipe].params},
            wish.calibration,
        )
        for recipe in wish.recipes
    ]


def submit(workspace: Workspace, db: sqlite3.Connection, job: NewJob) -> int:
    """Queue one job."""
    with transaction(db):
        job_id = add_job(db, job)
    wake(workspace)
    return job_id


def wake(workspace: Workspace) -> None:
    """Tell the worker, if one runs, to look into the job table."""
    from jobs.wakeups import open_wakeups

    open_wakeups(workspace).wake()
