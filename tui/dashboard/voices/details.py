"""What there is to say about a voice, and about one of its variants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.records.graph_summary import GraphSummary
from core.records.job_states import OPEN
from core.records.voices import ORIGINAL
from core.variants.recipes import GUIDE, RECIPES
from tui.text.format import counted, figure, id_list, megabytes, moment, parameters

if TYPE_CHECKING:
    from core.records.results import Result
    from core.records.voices import Variant, Voice
    from tui.dashboard.snapshot import Snapshot
    from tui.dashboard.voices.forecasts import Prospect, Prospects

Lines = Iterator[str]


def describe_voice(snapshot: Snapshot, voice: Voice, gone: frozenset[str], prospects: Prospects | None) -> Lines:
    """What to do next, what is selected and why, what was made and what never was, then the voice itself."""
    yield from _next_step(snapshot, voice, gone)
    yield from _selected(snapshot, voice)
    made = [variant.name for variant in voice.variants if variant.recipe]
    yield f"made: {', '.join(made) or 'nothing yet'}"
    yield from _never_made(voice, prospects)
    yield ""
    yield f"{voice.language}, {counted(voice.speakers, 'speaker')}, {voice.sample_rate} Hz, added {moment(voice.added_at)}"
    yield voice.path
    graph = GraphSummary.from_json(voice.anatomy)
    sizes = ", ".join(f"{part.name} {megabytes(part.weight_bytes)} MB" for part in graph.components)
    yield f"parts: {sizes}" if sizes else f"graph not recognised: {graph.unrecognized or 'nobody looked'}"


def _next_step(snapshot: Snapshot, voice: Voice, gone: frozenset[str]) -> Lines:
    """From a new voice to a finished benchmark there is always one."""
    busy = [job.id for job in snapshot.jobs if job.voice_id == voice.id and job.state in OPEN]
    if voice.path in gone:
        yield f"Its file is missing: put {voice.path} back, or press a and add it from its new place."
    elif busy and snapshot.worker is None:
        yield f"No worker runs for job {id_list(busy)}: press w to start one."
    elif busy:
        yield f"In the queue for it: job {id_list(busy)}. Press 2 to watch."
    elif len(voice.variants) == 1:
        yield "Next: press o to choose what to make of it, or A to make all and measure it."
    elif any(_unmeasured(snapshot, variant) for variant in voice.variants):
        yield "Next: press b to measure its variants beside it."
    else:
        return
    yield ""


def _unmeasured(snapshot: Snapshot, variant: Variant) -> bool:
    return snapshot.latest_result(variant.voice, variant.name, variant.sha256) is None


def _selected(snapshot: Snapshot, voice: Voice) -> Lines:
    """What is selected on this machine, and why nothing else is."""
    selection = snapshot.selections.get(voice.key)
    if selection is None:
        return
    pinned = f", {selection.pinned} pinned" if selection.pinned else ""
    yield f"selected on this machine: {selection.selected} ({selection.reason}; policy {selection.policy}{pinned})"
    yield from (f"! {warning.text}" for warning in selection.warnings)
    for judged in selection.candidates:
        if judged.variant != selection.selected:
            yield f"  {judged.variant} {judged.verdict}: {judged.reason}"
    yield ""


def _never_made(voice: Voice, prospects: Prospects | None) -> Lines:
    """The recipes but the guide's, which is there to compare with."""
    made = {variant.name for variant in voice.variants}
    never = [recipe for recipe in RECIPES.values() if recipe.variant not in made and recipe.name != GUIDE]
    if never:
        yield "never made:"
    for recipe in never:
        about = expected(voice, prospects.recipes[recipe.name]) if prospects else "looking at past runs …"
        yield f"  {recipe.variant}: {about}"


def expected(voice: Voice, prospect: Prospect) -> str:
    """What past runs here say of a variant that is not there."""
    if prospect.missing:
        return f"cannot be made here: {prospect.missing}"
    said = f"forecast {prospect.forecast.of(voice.size_bytes)}" if prospect.forecast else "no past result here"
    return said + (f"; time {prospect.takes}" if prospect.takes else "")


def describe_variant(
    snapshot: Snapshot, voice: Voice, variant: Variant, gone: frozenset[str], prospects: Prospects | None
) -> Lines:
    """What became of it, what its figures mean, its place among the others, then how it was made."""
    if variant.path in gone:
        yield f"Its file is missing: press o to make it again ({variant.path})."
    else:
        yield from _judged(snapshot, voice, variant)
    result = snapshot.latest_result(voice.key, variant.name, variant.sha256)
    if result:
        yield from _measured(snapshot, variant, result)
        yield _pareto(snapshot, voice, variant)
    else:
        yield "Not measured yet: press b."
        yield from _forecast(voice, variant, prospects)
    yield ""
    yield from _lineage(voice, variant)


def _judged(snapshot: Snapshot, voice: Voice, variant: Variant) -> Lines:
    selection = snapshot.selections.get(voice.key)
    for judged in selection.candidates if selection else ():
        if judged.variant == variant.name:
            yield f"{judged.verdict} on this machine: {judged.reason}"


def _measured(snapshot: Snapshot, variant: Variant, result: Result) -> Lines:
    from core.report.summary import summarize

    # The original's of the same method and versions tell how much smaller it is, though not of the same run.
    beside = [
        other
        for other in snapshot.newest
        if other.voice_id == result.voice_id
        and (other.benchmark_version, other.environment) == (result.benchmark_version, result.environment)
        and (other.variant == ORIGINAL or other.variant_sha256 == variant.sha256)
    ]
    yield from summarize([other for other in beside if other.variant in (ORIGINAL, variant.name)]).lines()
    if result.rtf is not None:
        latency = f"latency {figure(result.latency_ms, 0)} ms (the original {figure(result.original_latency_ms, 0)})"
        threads = counted(result.threads, "thread")
        yield f"RTF {figure(result.rtf, 3)}, {latency} at {threads}, measured {moment(result.created_at)}"


def _pareto(snapshot: Snapshot, voice: Voice, variant: Variant) -> str:
    from core.history.pareto import compute_pareto

    newest = [snapshot.latest_result(voice.key, other.name, other.sha256) for other in voice.variants]
    judged = next(
        one for one in compute_pareto([result for result in newest if result]) if one.result.variant == variant.name
    )
    if not (judged.result.speedup_ci and judged.result.grade):
        return "Pareto: no place, since its speed or its sound was not measured here"
    if judged.dominated_by:
        return (
            f"Pareto: dominated by {', '.join(judged.dominated_by)}: no worse in size, speed and sound, better in one"
        )
    return "Pareto: on the front: no other is as good in size, speed and sound at once"


def _forecast(voice: Voice, variant: Variant, prospects: Prospects | None) -> Lines:
    recipe = RECIPES.get(variant.recipe or "")
    prospect = prospects.recipes.get(recipe.name) if prospects and recipe and recipe.variant == variant.name else None
    if prospect and prospect.forecast:
        yield f"forecast {prospect.forecast.of(voice.size_bytes)}"


def _lineage(voice: Voice, variant: Variant) -> Lines:
    source = voice.key if variant.source_sha256 == voice.id else "another file of this voice"
    by = f" by job {variant.job_id}" if variant.job_id else ""
    yield f"made {moment(variant.created_at)}{by} from {source} (SHA-256 {(variant.source_sha256 or '?')[:16]}…)"
    yield f"recipe {variant.recipe}: {parameters(variant.params) or 'no parameters'}"
    yield f"with {', '.join(f'{name} {value}' for name, value in variant.tools.items())}"
    yield f"SHA-256 {variant.sha256[:16]}…, {variant.path}"
    if variant.caveat:
        yield variant.caveat
