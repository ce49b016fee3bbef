"""Select a voice's variant on this machine from its files, results and hardware, and record the selection."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.benchmark.probe import Probe, ProbeFailed
from core.engines.names import BY_PROVIDER, EngineName
from core.errors import NotFound
from core.hardware.detection import HardwareInfo, detect
from core.hardware.machine import Machine, this_machine
from core.records.benchmarks import Sample
from core.records.job_states import JobKind
from core.records.results import Result
from core.records.selections import Preference, Selection
from core.records.voices import ORIGINAL, Variant, Voice
from core.selection.decide import Candidate, decide
from core.selection.pairs import PairedSpeed, Unpaired
from core.selection.performance import Performance
from core.store.database import transaction
from core.store.jobs import list_open
from core.store.results import list_parts, list_results, newest_result
from core.store.selections import get_preference, put_selection
from core.store.voices import get_voice, voice_of_id
from core.variants.checksums import integrity_error
from core.variants.sources import add_command, source_has_changed


@dataclass(frozen=True)
class Evaluation:
    """A selection that has not been recorded yet, with the state of the store that it was made from."""

    voice: Voice
    preference: Preference
    newest_result: str | None
    """The id of the voice's newest result: it changes whenever the voice is measured."""
    selection: Selection


def evaluate(db: sqlite3.Connection, voice_key: str, hardware: HardwareInfo | None = None) -> Evaluation:
    """Return the selection for a voice on this machine without recording it. Raises NotFound.

    `hardware` is what was detected of this machine, if that has been done already.
    """
    voice = get_voice(db, voice_key)
    preference, newest = get_preference(db, voice.id), _newest_result_id(db, voice)
    results = _latest_results(db, voice, this_machine())
    paths = {variant.name: variant.path for variant in voice.variants}
    selection = decide(
        voice.key,
        _candidates(voice, results, _open_benchmarks(db, voice)),
        hardware or detect(),
        preference.policy,
        preference.pinned,
        lambda candidate: _load_error(candidate, Path(paths.get(candidate.name, voice.path)), voice),
        lambda picked, other: _compare(db, results[picked.name], results[other.name]),
    )
    return Evaluation(voice, preference, newest, selection)


def record_selection(db: sqlite3.Connection, evaluation: Evaluation, cause: str) -> bool:
    """Add a selection to the history if it differs from the last one. Call it in a transaction.

    Returns False, and adds nothing, if the voice, its preference or its results have changed since the evaluation.
    """
    voice, selection = evaluation.voice, evaluation.selection
    try:
        now = voice_of_id(db, voice.id)
    except NotFound:
        return False
    state = (now.key, now.variants, get_preference(db, now.id), _newest_result_id(db, now))
    if state != (voice.key, voice.variants, evaluation.preference, evaluation.newest_result):
        return False
    selected = ORIGINAL if selection.selected == BY_PROVIDER else selection.selected
    put_selection(db, voice.id, this_machine(), selection, voice.variant(selected).sha256, cause)
    return True


def select_and_record(
    db: sqlite3.Connection, voice_key: str, cause: str, hardware: HardwareInfo | None = None
) -> Selection:
    """Evaluate a voice, again if another process changes it meanwhile, and record the selection. Raises NotFound."""
    hardware = hardware or detect()
    while True:
        evaluation = evaluate(db, voice_key, hardware)
        with transaction(db):
            if record_selection(db, evaluation, cause):
                return evaluation.selection


def _newest_result_id(db: sqlite3.Connection, voice: Voice) -> str | None:
    return next((result.id for result in list_results(db, voice_id=voice.source_sha256, limit=1)), None)


def _latest_results(db: sqlite3.Connection, voice: Voice, machine: Machine) -> dict[str, Result]:
    """Return the newest timed result of each variant's current files on a machine at all cores, by variant."""
    checksums = {variant.name: variant.sha256 for variant in voice.variants} | {BY_PROVIDER: voice.source_sha256}
    found = {name: newest_result(db, voice.source_sha256, name, machine, sha256) for name, sha256 in checksums.items()}
    return {name: result for name, result in found.items() if result and result.speedup is not None}


def _open_benchmarks(db: sqlite3.Connection, voice: Voice) -> dict[str, int]:
    """Return variant -> the first open job that will measure it."""
    benchmarks = [job for job in list_open(db, voice.id) if job.kind == JobKind.BENCHMARK]
    return {variant: job.id for job in reversed(benchmarks) for variant in job.params["variants"]}


def _candidates(voice: Voice, results: Mapping[str, Result], benchmarks: Mapping[str, int]) -> list[Candidate]:
    is_replaced = source_has_changed(voice)
    candidates = [
        Candidate(
            name=variant.name,
            recipe=variant.recipe,
            problem=_problem(voice, variant, is_replaced),
            caveat=variant.caveat,
            oldest_macos=int(str(variant.params.get("target", "macos0")).removeprefix("macos")),
            benchmark_job=benchmarks.get(variant.name),
            performance=_performance(results.get(variant.name)),
        )
        for variant in voice.variants
    ]
    if BY_PROVIDER in results:
        candidates.append(Candidate(BY_PROVIDER, None, performance=_performance(results[BY_PROVIDER])))
    return candidates


def _problem(voice: Voice, variant: Variant, is_replaced: bool) -> str | None:
    """Return why a variant cannot be used. One that was made from another file than the voice's present one cannot."""
    if variant.outdated:
        return variant.outdated.reason
    if variant.recipe and is_replaced:
        return f"made from what {voice.path} was before it changed: {add_command(voice)}"
    if is_replaced:
        return f"{voice.path} has changed since it was added: {add_command(voice)}"
    return integrity_error(Path(variant.path), variant.sha256, voice.config_of(variant))


def _performance(result: Result | None) -> Performance | None:
    if result is None or result.speedup is None:
        return None
    return Performance(
        result.speedup,
        result.speedup_ci or (result.speedup, result.speedup),
        result.grade,
        result.noisy,
        result.limits.words if result.limits else (),
        result.text_set if result.text_set_note else None,
    )


def _compare(db: sqlite3.Connection, picked: Result, other: Result) -> PairedSpeed | Unpaired:
    """Return how fast one variant is relative to the selected one, from the pairs of the run that measured both."""
    if picked.text_set != other.text_set:
        return Unpaired.DIFFERENT_TEXTS
    if (picked.benchmark_id, picked.threads) != (other.benchmark_id, other.threads):
        return Unpaired.DIFFERENT_RUNS
    first, second = (list_parts(db, Sample, result.id) for result in (picked, other))
    if not first or not second:
        return Unpaired.PRUNED
    # SciPy takes half a second to import, so it is loaded only where there are pairs.
    from core.benchmark.timing import MIN_PAIRS, counted_pairs, speedup

    if len(counted_pairs(first, second)) < MIN_PAIRS:
        return Unpaired.FEW_PAIRS
    ratio, low, high = speedup(first, second)
    return PairedSpeed(ratio, (low, high))


def _load_error(candidate: Candidate, path: Path, voice: Voice) -> str | None:
    """Return why a candidate does not load, tried in a subprocess: a broken model can crash the process that loads it."""
    engine: EngineName = "coreml" if path.is_dir() else "onnxruntime"
    if candidate.name == BY_PROVIDER:
        engine = "onnxruntime-coreml"
    try:
        Probe(candidate.name, engine, path, None, voice.config).close()
    except ProbeFailed as error:
        return f"does not load: {error.reason}"
    return None
