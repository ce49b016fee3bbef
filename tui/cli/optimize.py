"""`ttsdash optimize`: queues jobs that make variants, with the flags of the guide's script."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from core.errors import InvalidInput, NotFound, format_error
from core.records.job_states import JobKind, JobState
from core.records.selections import Selection
from core.records.voices import Voice
from core.store.jobs import get_job
from core.store.results import list_results
from core.store.voices import get_voice, voice_named
from core.text import truncate
from core.variants.kept_training import DISTILL
from core.variants.recipes import FROM, RECIPES, read_params
from core.variants.suitability import obstacle
from core.voices.spoken_sentences import spoken_file
from jobs.queue_state import read_queue_state, stalled_reason, waiting_reason
from jobs.submit import BENCHMARK, OptimizeRequest, Scheduling, Submission, submit_optimize
from jobs.worker_control import ensure_worker
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line, print_results
from tui.cli.progress import follow, print_failures
from tui.cli.registering import Trial, print_change, register, register_again
from tui.cli.scheduling import not_before, scheduling_options
from tui.cli.select import print_selection
from tui.json_output import result_json, selection_json, submission_json
from tui.text.format import job_title

_MODEL_SUFFIX = ".onnx"
# The recipes that can start from another variant.
_CONVERTING = tuple(name for name, recipe in RECIPES.items() if FROM in recipe.params)


def _recipe_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Add a flag for each recipe to a command."""
    for recipe in reversed(RECIPES.values()):
        command = click.option(f"--{recipe.name}", is_flag=True, help=f"{recipe.description}.")(command)
    return command


@click.command(cls=Command)
@click.option(
    "--model", required=True, metavar="PATH-or-VOICE", help="A voice's .onnx file, or the key of a registered voice."
)
@_recipe_flags
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Every variant except those that take long (pruned, distilled, tuned) and the guide's.",
)
@click.option("--param", "params", multiple=True, metavar="K=V", help="A parameter of the recipes; may be repeated.")
@click.option("--calibration", metavar="FILE", help="Calibrate with these sentences, one per line.")
@click.option(
    "--from",
    "from_variant",
    metavar="VARIANT",
    help="Train this distilled variant further (with --distill), or convert it (with --coreml).",
)
@click.option("--benchmark", is_flag=True, help="Benchmark the variants beside the original.")
@click.option("--outdated", is_flag=True, help="Make the variants again that were made before the voice changed.")
@click.option("--force", is_flag=True, help="Make variants even if they are up to date.")
@scheduling_options
@click.option("--wait", is_flag=True, help="Wait until the jobs have ended, then show the results.")
@pass_session
def optimize(
    session: Session,
    /,
    model: str,
    params: tuple[str, ...],
    calibration: str | None,
    from_variant: str | None,
    everything: bool,
    benchmark: bool,
    outdated: bool,
    force: bool,
    priority: int | None,
    after: tuple[int, ...],
    at: str | None,
    span: str | None,
    wait: bool,
    **flags: bool,
) -> None:
    """Queue jobs that make variants of a voice, and their benchmark."""
    if calibration == "":
        raise InvalidInput("--calibration is empty: name a file with one sentence per line")
    converts = from_variant is not None and (everything or any(flags[name] for name in _CONVERTING))
    _check_from(from_variant, used=converts or flags[DISTILL])
    scheduling = Scheduling(priority or 0, after, not_before(at, span))
    given = read_params((*params, f"{FROM}={from_variant}") if converts else params)
    voice = find_or_add(session, model)
    left_out = _left_out(flags, voice) if everything else {}
    request = OptimizeRequest(
        _chosen(flags, everything, left_out),
        given,
        calibration and str(Path(calibration).absolute()),
        benchmark,
        scheduling,
        force,
        outdated,
        from_variant if flags[DISTILL] and not (converts and _is_new(voice, from_variant)) else None,
    )
    if not session.as_json:
        for variant, reason in left_out.items():
            print_line(f"without {variant}: {reason}")
    if calibration and any(RECIPES[name].calibrated for name in request.recipes):
        spoken_file(voice.config, voice.language, Path(calibration), calibration)
    submission = submit_optimize(session.workspace, session.db, voice, request)
    ensure_worker(session.workspace)
    if not session.as_json:
        _print_forecasts(session, voice, submission)
    finish_or_follow(session, submission, wait, selected=voice)


def _check_from(from_variant: str | None, used: bool) -> None:
    """Raise InvalidInput for an empty name, and for one that no recipe starts from."""
    if from_variant == "":
        raise InvalidInput("--from is empty: name a distilled variant of the voice")
    if from_variant and not used:
        raise InvalidInput(
            "--from is for a distilled variant that is trained further or converted: add --distill or --coreml"
        )


def _is_new(voice: Voice, name: str | None) -> bool:
    """Return whether a voice has no variant of that name, so that one to convert is still to be made."""
    return all(variant.name != name for variant in voice.variants)


def _left_out(flags: Mapping[str, bool], voice: Voice) -> dict[str, str]:
    """Return the variants that belong to all of them but cannot be made, each with the reason."""
    return {
        recipe.variant: reason
        for name, recipe in RECIPES.items()
        if recipe.in_all and not flags[name] and (reason := obstacle(recipe, voice))
    }


def _chosen(flags: Mapping[str, bool], everything: bool, left_out: Mapping[str, str]) -> list[str]:
    """Return the recipes to queue. Raises InvalidInput if all were meant and none can be applied."""
    recipes = [
        name
        for name, recipe in RECIPES.items()
        if flags[name] or (everything and recipe.in_all and recipe.variant not in left_out)
    ]
    if everything and not recipes:
        raise InvalidInput(f"no variant can be made: {next(iter(left_out.values()))}")
    return recipes


def _print_forecasts(session: Session, voice: Voice, submission: Submission) -> None:
    """Print forecasts for the new variants, from past results on this machine."""
    from core.hardware.machine import this_machine
    from core.history.forecasts import read_forecast

    machine = this_machine().id
    for job in submission.variant_jobs:
        expected = read_forecast(session.db, machine, job.params["recipe"], str(job.variant))
        if expected and job.variant not in submission.existing:
            print_line(f"forecast for {job.variant}: {expected.of(voice.size_bytes)}")


def find_or_add(session: Session, model: str) -> Voice:
    """Return the voice with that key, or in that file, which is registered if it is new or has changed."""
    if not model.strip():
        raise InvalidInput("--model is empty: name a model file or a voice")
    path, voice = Path(model), _find_registered(session, model)
    if voice:
        registration = register_again(session, voice)
        if registration is None:
            return voice
    else:
        registration = register(session, path, Trial.IF_NEW)
    if not session.as_json:
        print_change(session, registration, path, again=False)
    return registration.voice


def _find_registered(session: Session, model: str) -> Voice | None:
    """Return the voice with that key; None for a path: what has a separator, is a model's file, or is there.

    A key comes before a file or a folder of that name, of which there may be one in any folder. Raises NotFound.
    """
    path = Path(model)
    try:
        exists = path.exists()
    except OSError as error:
        raise InvalidInput(f"--model {truncate(model)}: {format_error(error)}") from error
    is_model = path.suffix == _MODEL_SUFFIX
    voice = None if os.sep in model or (is_model and exists) else voice_named(session.db, model)
    if voice or is_model or exists:
        return voice
    try:
        return get_voice(session.db, model)
    except NotFound as error:
        raise NotFound(f"{error} (and there is no such file)") from error


def finish_or_follow(session: Session, submission: Submission, wait: bool, selected: Voice | None = None) -> None:
    """Finish a command that has queued jobs: print the jobs, or wait for them and print the results.

    The results are followed by the selection for the voice `selected`. Exits with 1 if a job did not succeed.
    """
    if not session.as_json:
        _print_already(session, submission)
    if wait:
        _follow(session, submission, selected)
    elif session.as_json:
        session.print_json(submission_json(submission, [get_job(session.db, job_id) for job_id in submission.ids]))
    else:
        _print_queued(session, submission)


def _print_already(session: Session, submission: Submission) -> None:
    queue = read_queue_state(session.workspace, session.db)
    for variant, job_id in submission.existing.items():
        job = None if job_id is None else get_job(session.db, job_id)
        state = job.shown_state if job and not job.ended else "up to date"
        by = f", job {job.id}" if job else ""
        why = waiting_reason(job, queue) if job else None
        waits = f", {why}; its scheduling is unchanged (ttsdash jobs edit {job.id})" if job and why else ""
        again = "queues it again" if variant == BENCHMARK else "makes it again"
        print_line(f"{variant}: already {state}{by}{waits} (--force {again})")
    for variant, reason in submission.skipped.items():
        print_line(f"{variant}: cannot be made again: {reason}")


def _print_queued(session: Session, submission: Submission) -> None:
    """Print the new jobs, and why they wait."""
    queue = read_queue_state(session.workspace, session.db)
    why = stalled_reason(queue)
    new = [get_job(session.db, job_id) for job_id in submission.ids if job_id not in submission.existing.values()]
    for job in new:
        reason = None if why else waiting_reason(job, queue)
        print_line(f"{job_title(job)}: {job.state}" + (f", {reason}" if reason else ""))
    if not new:
        print_line("no new jobs")
        return
    if why:
        print_line(why)
    print_line("follow them with `ttsdash jobs wait`, or open the dashboard with `ttsdash`")


def _follow(session: Session, submission: Submission, selected: Voice | None) -> None:
    jobs = follow(session.workspace, session.db, submission.ids)
    results = [
        result
        for job in jobs
        if job.kind == JobKind.BENCHMARK and job.state == JobState.SUCCEEDED and job.result
        for result in list_results(session.db, benchmark_id=job.result["benchmark_id"])
    ]
    selection = _select(session, selected) if selected else None
    if session.as_json:
        printed = submission_json(submission, jobs)
        printed["results"] = [result_json(result) for result in results]
        if selection:
            printed["selection"] = selection_json(selection)
        session.print_json(printed)
    else:
        if results:
            print_results(results)
        if selection:
            print_line()
            print_selection(selection)
        print_failures(jobs)
    if any(job.state != JobState.SUCCEEDED for job in jobs):
        raise SystemExit(1)


def _select(session: Session, voice: Voice) -> Selection:
    from core.selection.evaluate import select_and_record

    return select_and_record(session.db, voice.key, "requested")
