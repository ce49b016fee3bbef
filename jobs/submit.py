"""Queues jobs: rows first, then a wake-up."""

import sqlite3
from collections.abc import Sequence

from core.errors import BadInput
from core.quantize.recipes import RECIPES
from core.store.database import transaction
from core.store.jobs import NewJob, add_job
from core.store.voices import ORIGINAL, Voice
from core.workspace import Workspace

_MOST_THREADS = 1024


def quantize_job(voice: Voice, recipe: str) -> NewJob:
    return NewJob("quantize", voice.id, RECIPES[recipe].variant, {"recipe": recipe})


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


def submit_optimize(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, recipes: Sequence[str], benchmark: bool
) -> list[int]:
    """Queue the recipes and, after them, a benchmark of what they make; without recipes of what is there already."""
    if not recipes and not benchmark:
        raise BadInput("nothing to do: say what to make (--dynamic, --optimized), or --benchmark")
    with transaction(db):
        ids = [add_job(db, quantize_job(voice, recipe)) for recipe in recipes]
        if benchmark:
            made = [RECIPES[recipe].variant for recipe in recipes]
            variants = made or [variant.name for variant in voice.variants]
            ids.append(add_job(db, benchmark_job(voice, variants, after=ids)))
    wake(workspace)
    return ids


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
