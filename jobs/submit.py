"""Queues jobs: rows in the job table first, then a wake-up for the worker."""

import contextlib
import json
import shlex
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.clock import parse_timestamp
from core.errors import InvalidInput, NotFound
from core.records.job_states import OPEN, RESUMABLE, JobKind, sql_list
from core.records.jobs import NewJob
from core.records.voices import ORIGINAL, Variant, Voice
from core.settings import Settings, read_settings
from core.store.database import transaction
from core.store.jobs import add_job, get_job
from core.store.voices import voice_of_id
from core.variants.checksums import integrity_error
from core.variants.converted import converted_from, is_of_same_file, require_convertible
from core.variants.kept_training import DISTILL, params_to_go_on
from core.variants.recipes import RECIPES, Value
from core.variants.suitability import obstacle
from core.voices.sentences import label_of
from core.workspace import Workspace
from jobs.scheduling import BENCHMARK_RESOURCES, default_limits, distill_resources, variant_resources

BENCHMARK = "benchmark"
"""The name of a benchmark among the existing jobs of a submission."""
_MAX_THREADS = 1024


@dataclass(frozen=True)
class Scheduling:
    """When a job may run: its priority, the jobs it waits for, the earliest time."""

    priority: int = 0
    after: tuple[int, ...] = ()
    not_before: str | None = None


DEFAULT_SCHEDULING = Scheduling()


@dataclass(frozen=True)
class OptimizeRequest:
    """Variants to make of a voice: recipes by name, parameters as typed, a file of calibration sentences."""

    recipes: Sequence[str] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    calibration: str | None = None
    benchmark: bool = False
    scheduling: Scheduling = DEFAULT_SCHEDULING
    force: bool = False
    """Make variants even if they are up to date."""
    outdated: bool = False
    """Make the variants again that were made from something else than what the voice is now."""
    from_variant: str | None = None
    """The distilled variant that is trained further."""


@dataclass(frozen=True)
class Submission:
    """The jobs that fulfil a request, in its order, and which of them existed before."""

    ids: tuple[int, ...]
    existing: Mapping[str, int | None] = field(default_factory=dict)
    """By variant, the job that makes or made it; None if that job was deleted. `BENCHMARK` stands for a benchmark."""
    variant_jobs: tuple[NewJob, ...] = ()
    """The jobs that make the requested variants, whether or not they were queued."""
    skipped: Mapping[str, str] = field(default_factory=dict)
    """By outdated variant, why it cannot be made again."""


def variant_job(
    voice: Voice,
    recipe: str,
    params: Mapping[str, Value] | None = None,
    calibration: str | None = None,
    from_variant: str | None = None,
) -> NewJob:
    """Return a job that makes a variant, or that trains the distilled one `from_variant` further.

    Raises InvalidInput for bad parameters, for a recipe that this machine cannot run or the voice does not allow, and for a
    variant that cannot be trained further.
    """
    made_by = RECIPES[recipe]
    reason = obstacle(made_by, voice)
    if reason:
        raise InvalidInput(f"{made_by.variant}: {reason}")
    values = made_by.complete(params_to_go_on(voice, from_variant, params or {}) if from_variant else params or {})
    job_params: dict[str, Any] = {"recipe": recipe, "params": values}
    if from_variant:
        job_params["from"] = from_variant
    label = None
    if calibration and made_by.calibrated:
        job_params["calibration"], label = calibration, label_of(Path(calibration))
    variant = from_variant or made_by.variant_name(values, label)
    resources = distill_resources(voice) if made_by.job == JobKind.DISTILL else variant_resources(voice)
    return NewJob(made_by.job, voice.id, variant, job_params, resources=resources)


def benchmark_job(
    voice: Voice,
    variants: Sequence[str],
    threads: Sequence[int] = (),
    texts_file: str | None = None,
    width: float | None = None,
    budget_s: float | None = None,
) -> NewJob:
    """Return a job that benchmarks the variants beside the original, by default at one thread and at all cores.

    `width` is the wanted width of each speed-up's interval, relative to the speed-up, and `budget_s` the longest measuring
    time. Without them the settings apply when the job runs. Raises InvalidInput for an invalid thread count, and for a file
    of texts that cannot be used.
    """
    for count in threads:
        if not 1 <= count <= _MAX_THREADS:
            raise InvalidInput(f"invalid number of threads: {count} (use 1 to {_MAX_THREADS})")
    params = {
        "variants": [name for name in dict.fromkeys(variants) if name != ORIGINAL],
        "threads": sorted(set(threads)),
        "texts_file": texts_file,
        "texts": label_of(Path(texts_file)) if texts_file else None,
        "width": width,
        "budget_s": budget_s,
    }
    return NewJob(JobKind.BENCHMARK, voice.id, None, params, resources=BENCHMARK_RESOURCES)


def measurable(voice: Voice, names: Sequence[str] = ()) -> list[str]:
    """Return the names of the variants to measure: these, or all that are not outdated.

    Raises NotFound, and InvalidInput for an outdated one.
    """
    for variant in map(voice.variant, names):
        if variant.outdated:
            again = f"make it again: ttsdash optimize --model {shlex.quote(voice.key)} --outdated"
            raise InvalidInput(f"{variant.name} of {voice.key} is {variant.outdated.reason}: {again}")
    return list(names) or [variant.name for variant in voice.current_variants]


def submit_optimize(workspace: Workspace, db: sqlite3.Connection, voice: Voice, request: OptimizeRequest) -> Submission:
    """Queue a job for each recipe, then a benchmark of the variants; without recipes, of the existing variants.

    Jobs for outdated variants, if requested, come first. A variant that is up to date or already queued is not made again,
    unless the request forces it. One that is made from another variant waits for the job that makes that. Raises
    InvalidInput if there is nothing to do or the request is invalid, and NotFound for a variant to convert that nobody makes.
    """
    if not (request.recipes or request.outdated or request.benchmark):
        raise InvalidInput("nothing to do: say what to make (--dynamic, --optimized, ... or --all), or --benchmark")
    voice = voice_of_id(db, voice.id)
    remade = remake_jobs(db, voice, request) if request.outdated else RemakeJobs()
    jobs = sorted(
        _distinct([*remade.jobs, *variant_jobs(voice, request)]), key=lambda job: _converted_by(job) is not None
    )
    settings = read_settings(workspace)
    if remade.skipped and not jobs:
        raise InvalidInput("; ".join(f"{name}: {reason}" for name, reason in remade.skipped.items()))
    up_to_date = {} if request.force else find_up_to_date(voice, jobs)
    scheduling = request.scheduling
    with transaction(db):
        existing: dict[str, int | None] = {} if request.force else up_to_date | _find_open(db, jobs)
        made: dict[str | None, int | None] = {}
        for job in jobs:
            if job.variant in existing:
                made[job.variant] = existing[job.variant]
            else:
                after = (*scheduling.after, *_makers_of_source(db, voice, job, made))
                made[job.variant] = _add(db, job, replace(scheduling, after=after), settings)
        ids = [job_id for job_id in made.values() if job_id is not None]
        if request.benchmark:
            variants = [str(job.variant) for job in jobs] or [variant.name for variant in voice.current_variants]
            waits_for = (job_id for job_id in ids if get_job(db, job_id).state in OPEN)
            after = tuple(dict.fromkeys((*scheduling.after, *waits_for)))
            job = benchmark_job(voice, variants)
            same = None if request.force else find_open_benchmark(db, job, after)
            if same is None:
                ids.append(_add(db, job, replace(scheduling, after=after), settings))
            else:
                ids.append(same)
                existing |= {BENCHMARK: same}
    wake(workspace, scheduling.not_before)
    return Submission(tuple(ids), existing, tuple(jobs), remade.skipped)


def _converted_by(job: NewJob) -> str | None:
    """Return the name of the variant that a job converts; None for one that makes its variant from the original."""
    return converted_from(job.params["params"])


def _makers_of_source(
    db: sqlite3.Connection, voice: Voice, job: NewJob, made: Mapping[str | None, int | None]
) -> tuple[int, ...]:
    """Return the job that makes the variant that a job converts, among those just `made` or already queued.

    Returns none if the variant is there, and if the job converts none. Raises NotFound and InvalidInput.
    """
    name = _converted_by(job)
    if name is None:
        return ()
    open_jobs = db.execute(
        f"""SELECT id FROM jobs
            WHERE voice_id = ? AND variant = ? AND state IN {sql_list(OPEN)} AND NOT cancel_asked ORDER BY id DESC""",
        (voice.id, name),
    )
    maker = made.get(name) or next((row["id"] for row in open_jobs), None)
    if maker is not None and get_job(db, maker).state in OPEN:
        return (maker,)
    require_convertible(voice, name)
    return ()


@dataclass(frozen=True)
class RemakeJobs:
    """The jobs that make the outdated variants of a voice again, and by variant why some cannot be made."""

    jobs: tuple[NewJob, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)


def remake_jobs(db: sqlite3.Connection, voice: Voice, request: OptimizeRequest) -> RemakeJobs:
    """Return a job for each outdated variant of a voice, with the parameters that it was made with."""
    jobs, skipped = [], {}
    for variant in voice.outdated_variants:
        try:
            jobs.append(_remake_job(db, voice, variant, request.calibration))
        except InvalidInput as error:
            skipped[variant.name] = str(error)
    made = {job.variant for job in jobs}
    for job in jobs:
        name = _converted_by(job)
        if name and name not in made:
            try:
                require_convertible(voice, name)
            except (InvalidInput, NotFound) as error:
                skipped[str(job.variant)] = str(error)
    return RemakeJobs(tuple(job for job in jobs if job.variant not in skipped), skipped)


def _remake_job(db: sqlite3.Connection, voice: Voice, variant: Variant, calibration: str | None) -> NewJob:
    recipe = RECIPES.get(str(variant.recipe))
    if recipe is None:
        raise InvalidInput(f"this version knows no recipe {variant.recipe!r}: update ttsdash")
    params = {name: variant.params[name] for name in recipe.params if name in variant.params}
    label, sentences = variant.params.get("calibration"), None
    if label and variant.name.endswith(f"calibration={label}"):
        sentences = _find_sentences(db, variant, label, calibration)
        if sentences is None:
            model = f"ttsdash optimize --model {shlex.quote(voice.key)} --{recipe.name} --calibration FILE"
            raise InvalidInput(f"its sentences are not where they were: {model}")
    # Defaults of parameters may have changed since, but this is the variant to replace.
    return replace(variant_job(voice, recipe.name, params, sentences), variant=variant.name)


def _find_sentences(db: sqlite3.Connection, variant: Variant, label: str, given: str | None) -> str | None:
    """Return the file of the sentences that a variant was calibrated on, if it can still be found."""
    row = db.execute("SELECT params FROM jobs WHERE id = ?", (variant.job_id,)).fetchone()
    for path in (given, json.loads(row["params"]).get("calibration") if row else None):
        with contextlib.suppress(InvalidInput, OSError):
            if path and label_of(Path(path)) == label:
                return str(path)
    return None


def _distinct(jobs: Sequence[NewJob]) -> list[NewJob]:
    """Return one job for each variant."""
    return list({job.variant: job for job in jobs}.values())


def submit_benchmark(
    workspace: Workspace,
    db: sqlite3.Connection,
    job: NewJob,
    scheduling: Scheduling = DEFAULT_SCHEDULING,
    force: bool = False,
) -> Submission:
    """Queue a benchmark, unless the same one is already queued or running and `force` is not given."""
    settings = read_settings(workspace)
    with transaction(db):
        same = None if force else find_open_benchmark(db, job)
        job_id = _add(db, job, scheduling, settings) if same is None else same
    if same is not None:
        return Submission((same,), {BENCHMARK: same})
    wake(workspace, scheduling.not_before)
    return Submission((job_id,))


def find_open_benchmark(db: sqlite3.Connection, job: NewJob, after: Sequence[int] = ()) -> int | None:
    """Return the queued or running benchmark that measures the same, once the jobs `after` have ended; None without one."""
    rows = db.execute(
        f"""SELECT id, params FROM jobs
            WHERE kind = '{JobKind.BENCHMARK}' AND voice_id = ? AND state IN {sql_list(OPEN)} AND NOT cancel_asked
            ORDER BY id""",
        (job.voice_id,),
    ).fetchall()
    same = (row["id"] for row in rows if measures_the_same(json.loads(row["params"]), job.params))
    return next((job_id for job_id in same if set(after) <= set(get_job(db, job_id).after)), None)


def measures_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two benchmarks of a voice, given by their parameters, measure the same in the same way."""
    compared = ("threads", "texts_file", "texts", "width", "budget_s")
    return set(one["variants"]) == set(other["variants"]) and all(
        (one.get(name) or None) == (other.get(name) or None) for name in compared
    )


def find_up_to_date(voice: Voice, jobs: Sequence[NewJob]) -> dict[str, int | None]:
    """Return the variants that need not be made again, by name, each with the job that made it.

    Such a variant is intact and was made from the same source, by the same recipe, parameters and tool versions; one that is
    made from another variant, from one that none of the jobs replaces.
    """
    variants = {variant.name: variant for variant in voice.variants}
    found = [(variants.get(str(job.variant)), job) for job in jobs]
    current = {variant.name: job for variant, job in found if variant and _is_up_to_date(variant, voice, job)}
    replaced = {str(job.variant) for job in jobs} - current.keys()
    return {name: variants[name].job_id for name, job in current.items() if _converted_by(job) not in replaced}


def _is_up_to_date(variant: Variant, voice: Voice, job: NewJob) -> bool:
    recipe = RECIPES[job.params["recipe"]]
    return (
        "from" not in job.params
        and variant.recipe == recipe.name
        and variant.source_sha256 == voice.source_sha256
        and variant.outdated is None
        # The lineage has more entries than the job's parameters.
        and all(
            variant.params.get(name, recipe.params[name].default) == value
            for name, value in job.params["params"].items()
        )
        and is_of_same_file(variant, voice)
        and variant.tools == recipe.tool_versions()
        and integrity_error(Path(variant.path), variant.sha256, voice.config) is None
    )


def _find_open(db: sqlite3.Connection, jobs: Sequence[NewJob]) -> dict[str, int | None]:
    """Return the variants that a queued or running job makes with the same parameters, by name, each with that job."""
    found: dict[str, int | None] = {}
    for job in jobs:
        rows = db.execute(
            f"""SELECT id, params FROM jobs WHERE kind = ? AND variant = ? AND state IN {sql_list(OPEN)}
                   AND voice_id = ? AND NOT cancel_asked ORDER BY id""",
            (job.kind, job.variant, job.voice_id),
        )
        found |= {str(job.variant): row["id"] for row in rows if json.loads(row["params"]) == job.params}
    return found


def _add(db: sqlite3.Connection, job: NewJob, scheduling: Scheduling, settings: Settings) -> int:
    limits = default_limits(settings)
    if job.kind in RESUMABLE:
        # It ends with its budget.
        limits = replace(limits, seconds=None)
    return add_job(
        db,
        replace(
            job,
            limits=limits,
            priority=scheduling.priority,
            after=scheduling.after,
            not_before=scheduling.not_before,
        ),
    )


def variant_jobs(voice: Voice, request: OptimizeRequest) -> list[NewJob]:
    """Return a job for each recipe, with the parameters that apply to it. Raises InvalidInput."""
    known = {name for recipe in request.recipes for name in RECIPES[recipe].params}
    for name in request.params:
        if name not in known:
            variants = ", ".join(RECIPES[recipe].variant for recipe in request.recipes)
            available = f"there is {', '.join(sorted(known))}" if known else "there is none"
            raise InvalidInput(f"no parameter {name!r} in {variants or 'nothing to make'}: {available}")
    if (
        request.calibration
        and not request.outdated
        and not any(RECIPES[recipe].calibrated for recipe in request.recipes)
    ):
        raise InvalidInput("--calibration is for recipes that are calibrated: add --static")
    return [
        variant_job(
            voice,
            recipe,
            RECIPES[recipe].read(
                {name: value for name, value in request.params.items() if name in RECIPES[recipe].params}
            ),
            request.calibration,
            request.from_variant if recipe == DISTILL else None,
        )
        for recipe in request.recipes
    ]


def submit(
    workspace: Workspace, db: sqlite3.Connection, *jobs: NewJob, scheduling: Scheduling = DEFAULT_SCHEDULING
) -> list[int]:
    """Queue jobs, all or none, and return their ids."""
    settings = read_settings(workspace)
    with transaction(db):
        ids = [_add(db, job, scheduling, settings) for job in jobs]
    wake(workspace, scheduling.not_before)
    return ids


def wake(workspace: Workspace, not_before: str | None = None) -> None:
    """Make a running worker look at the job table, now or at the given time."""
    from jobs.wakeups import open_wakeups

    wakeups = open_wakeups(workspace)
    if not_before:
        wakeups.wake_at(parse_timestamp(not_before))
    else:
        wakeups.wake()
