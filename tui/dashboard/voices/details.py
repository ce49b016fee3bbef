"""The details of a voice and of a variant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.records.graph_summary import GraphSummary
from core.records.job_states import OPEN
from core.records.voices import ORIGINAL
from core.variants.recipes import GUIDE, RECIPES
from tui.text.format import counted, decimal, id_list, local_time, megabytes, parameters

if TYPE_CHECKING:
    from core.records.results import Result
    from core.records.voices import Variant, Voice
    from tui.dashboard.snapshot import Snapshot
    from tui.dashboard.voices.forecasts import RecipeForecast, VoiceForecasts

Lines = Iterator[str]


def describe_voice(
    snapshot: Snapshot, voice: Voice, missing: frozenset[str], forecasts: VoiceForecasts | None
) -> Lines:
    """Yield the next step, the selection with its reasons, the variants, then the voice itself.

    `missing` are paths without a file; `forecasts` is None until they have been read.
    """
    yield from _next_step(snapshot, voice, missing)
    yield from _selection(snapshot, voice)
    made = [variant.name for variant in voice.variants if variant.recipe]
    yield f"Variants: {', '.join(made)}" if made else "No variants yet."
    yield from _available(voice, forecasts)
    yield ""
    yield f"{voice.language}, {counted(voice.speakers, 'speaker')}, {voice.sample_rate} Hz, added {local_time(voice.added_at)}"
    yield voice.path
    graph = GraphSummary.from_json(voice.anatomy)
    if graph.components:
        sizes = (f"{part.name} {megabytes(part.weight_bytes)} MB" for part in graph.components)
        yield f"components: {', '.join(sizes)}"
    else:
        yield f"graph not recognized: {graph.unrecognized or 'not analyzed'}"


def _next_step(snapshot: Snapshot, voice: Voice, missing: frozenset[str]) -> Lines:
    """Yield what to do next, until every variant has been benchmarked."""
    open_ids = [job.id for job in snapshot.jobs if job.voice_id == voice.id and job.state in OPEN]
    jobs = f"{'Job' if len(open_ids) == 1 else 'Jobs'} {id_list(open_ids)}"
    if voice.path in missing:
        yield f"The file is missing: put {voice.path} back, or add it from its new location (a)."
    elif open_ids and snapshot.worker is None:
        yield f"{jobs} waiting for a worker · w starts one"
    elif open_ids:
        yield f"{jobs} in the queue · 2 shows it"
    elif voice.outdated_variants:
        outdated = ", ".join(variant.name for variant in voice.outdated_variants)
        yield f"Outdated, made before the voice's files changed: {outdated} · u makes them again"
    elif len(voice.variants) == 1:
        yield "Next: press o to choose variants, or A to make and benchmark all of them."
    elif any(snapshot.latest_result(voice, variant) is None for variant in voice.variants):
        yield "Next: press b to benchmark its variants."
    else:
        return
    yield ""


def _selection(snapshot: Snapshot, voice: Voice) -> Lines:
    selection = snapshot.selections.get(voice.key)
    if selection is None:
        return
    pinned = f", {selection.pinned} pinned" if selection.pinned else ""
    yield f"selected on this machine: {selection.selected} ({selection.reason}; policy {selection.policy}{pinned})"
    yield from (f"! {warning.text}" for warning in selection.warnings)
    for decision in selection.candidates:
        if decision.variant != selection.selected:
            yield f"  {decision.variant} {decision.status}: {decision.reason}"
    yield ""


def _available(voice: Voice, forecasts: VoiceForecasts | None) -> Lines:
    """Yield the recipes that have not been made, without the baseline recipe, which is only for comparison."""
    made = {variant.name for variant in voice.variants}
    recipes = [recipe for recipe in RECIPES.values() if recipe.variant not in made and recipe.name != GUIDE]
    if recipes:
        yield "Available:"
    for recipe in recipes:
        forecast = _forecast(voice, forecasts.recipes[recipe.name]) if forecasts else "reading past runs …"
        yield f"  {recipe.variant}: {forecast}"


def _forecast(voice: Voice, recipe: RecipeForecast) -> str:
    """Return what past runs on this machine promise."""
    if recipe.obstacle:
        return f"cannot be made: {recipe.obstacle}"
    result = f"expected {recipe.forecast.of(voice.size_bytes)}" if recipe.forecast else "no estimate yet"
    return f"{result}; time {recipe.duration}" if recipe.duration else result


def describe_variant(
    snapshot: Snapshot, voice: Voice, variant: Variant, missing: frozenset[str], forecasts: VoiceForecasts | None
) -> Lines:
    """Yield the verdict on a variant, its results, its place on the Pareto front, and how it was made."""
    if variant.path in missing:
        yield f"The file is missing: o makes it again ({variant.path})."
    elif variant.outdated:
        yield f"{variant.outdated.reason.capitalize()}: u makes it again."
    else:
        yield from _verdict(snapshot, voice, variant)
    result = snapshot.latest_result(voice, variant)
    if result:
        yield from _results(snapshot, variant, result)
        yield _pareto(snapshot, voice, variant)
    elif variant.outdated is None:
        yield "Not benchmarked yet: press b."
        yield from _expected_result(voice, variant, forecasts)
    yield ""
    yield from _lineage(voice, variant)


def _verdict(snapshot: Snapshot, voice: Voice, variant: Variant) -> Lines:
    selection = snapshot.selections.get(voice.key)
    for decision in selection.candidates if selection else ():
        if decision.variant == variant.name:
            yield f"{decision.status} on this machine: {decision.reason}"


def _results(snapshot: Snapshot, variant: Variant, result: Result) -> Lines:
    from core.report.summary import summarize

    # An original of another run still shows how much smaller the variant is, if method and versions are the same.
    comparable = [
        other
        for other in snapshot.newest
        if other.voice_id == result.voice_id
        and (other.benchmark_version, other.environment) == (result.benchmark_version, result.environment)
        and (other.variant == ORIGINAL or other.variant_sha256 == variant.sha256)
    ]
    yield from summarize([other for other in comparable if other.variant in (ORIGINAL, variant.name)]).lines()
    if result.rtf is not None:
        latency = f"latency {decimal(result.latency_ms, 0)} ms (original {decimal(result.original_latency_ms, 0)})"
        threads = counted(result.threads, "thread")
        yield f"RTF {decimal(result.rtf, 3)}, {latency} at {threads}, measured {local_time(result.created_at)}"


def _pareto(snapshot: Snapshot, voice: Voice, variant: Variant) -> str:
    from core.history.pareto import compute_pareto

    newest = [snapshot.latest_result(voice, other) for other in voice.variants]
    points = compute_pareto([result for result in newest if result])
    point = next(point for point in points if point.result.variant == variant.name)
    if not (point.result.speedup_ci and point.result.grade):
        return "Pareto: unknown (speed or sound not measured here)"
    if point.dominated_by:
        return f"Pareto: dominated by {', '.join(point.dominated_by)} (as good in size, speed and sound, better in one)"
    return "Pareto: on the front"


def _expected_result(voice: Voice, variant: Variant, forecasts: VoiceForecasts | None) -> Lines:
    recipe = RECIPES.get(variant.recipe or "")
    # Forecasts are for default parameters.
    if forecasts and recipe and recipe.variant == variant.name:
        forecast = forecasts.recipes[recipe.name].forecast
        if forecast:
            yield f"expected {forecast.of(voice.size_bytes)}"


def _lineage(voice: Voice, variant: Variant) -> Lines:
    source = voice.key if variant.source_sha256 == voice.source_sha256 else "an earlier file of this voice"
    by = f" by job {variant.job_id}" if variant.job_id else ""
    yield f"made {local_time(variant.created_at)}{by} from {source} (SHA-256 {(variant.source_sha256 or '?')[:16]}…)"
    yield f"recipe {variant.recipe}: {parameters(variant.params) or 'no parameters'}"
    yield f"with {', '.join(f'{name} {value}' for name, value in variant.tools.items())}"
    yield f"SHA-256 {variant.sha256[:16]}…, {variant.path}"
    if variant.caveat:
        yield variant.caveat
