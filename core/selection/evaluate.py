"""Selects a voice's variant on this machine from its files, figures and hardware, and records the outcome."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.benchmark.probe import Probe, ProbeFailed
from core.engines.names import BY_PROVIDER, EngineName
from core.hardware.detection import HardwareInfo, detect
from core.hardware.machine import Machine, this_machine
from core.records.benchmarks import Sample
from core.records.results import Result
from core.records.selections import Preference, Selection
from core.records.voices import ORIGINAL, Voice
from core.selection.decide import Candidate, select
from core.selection.figures import Figures
from core.selection.pairs import PairedSpeed, Unpaired
from core.store.database import transaction
from core.store.results import list_parts, list_results, newest_result
from core.store.selections import get_preference, put_selection
from core.store.voices import get_voice
from core.variants.checksums import integrity_error


@dataclass(frozen=True)
class Evaluation:
    """A selection with what it was made from, not yet recorded."""

    voice: Voice
    wish: Preference
    newest_result: str | None
    """The id of the voice's newest result, which stands for all of them."""
    selection: Selection


def evaluate(db: sqlite3.Connection, voice_key: str, probes: HardwareInfo | None = None) -> Evaluation:
    """Select, and write nothing. `probes` are this machine's answers, if it has been asked already. Raises NotFound."""
    voice = get_voice(db, voice_key)
    wish, newest = get_preference(db, voice.id), _newest_result(db, voice)
    results = _results(db, voice, this_machine())
    paths = {variant.name: variant.path for variant in voice.variants}
    selection = select(
        voice.key,
        _candidates(voice, results),
        probes or detect(),
        wish.policy,
        wish.pinned,
        lambda candidate: _why_not_loaded(candidate, Path(paths.get(candidate.name, voice.path)), voice),
        lambda picked, other: _compare(db, results[picked.name], results[other.name]),
    )
    return Evaluation(voice, wish, newest, selection)


def record(db: sqlite3.Connection, evaluation: Evaluation, cause: str) -> bool:
    """Add a selection to the history if it is another than before, in a transaction; `cause` says there after what.

    Returns False, and adds nothing, if what it was made from has changed since.
    """
    voice, selection = evaluation.voice, evaluation.selection
    now = get_voice(db, voice.key)
    if (voice.variants, evaluation.wish, evaluation.newest_result) != (
        now.variants,
        get_preference(db, now.id),
        _newest_result(db, now),
    ):
        return False
    chosen = ORIGINAL if selection.selected == BY_PROVIDER else selection.selected
    put_selection(db, voice.id, this_machine(), selection, voice.variant(chosen).sha256, cause)
    return True


def select_now(db: sqlite3.Connection, voice_key: str, cause: str, probes: HardwareInfo | None = None) -> Selection:
    """Select, and record it. Whatever another process stores meanwhile is looked at, too. Raises NotFound."""
    probes = probes or detect()
    while True:
        evaluation = evaluate(db, voice_key, probes)
        with transaction(db):
            if record(db, evaluation, cause):
                return evaluation.selection


def _newest_result(db: sqlite3.Connection, voice: Voice) -> str | None:
    return next((result.id for result in list_results(db, voice_id=voice.id, limit=1)), None)


def _results(db: sqlite3.Connection, voice: Voice, machine: Machine) -> dict[str, Result]:
    """The newest result with a speed of each variant's files on a machine, at all cores."""
    files = {variant.name: variant.sha256 for variant in voice.variants} | {BY_PROVIDER: voice.id}
    found = {name: newest_result(db, voice.id, name, machine, sha256) for name, sha256 in files.items()}
    return {name: result for name, result in found.items() if result and result.speedup is not None}


def _candidates(voice: Voice, results: Mapping[str, Result]) -> list[Candidate]:
    candidates = [
        Candidate(
            name=variant.name,
            recipe=variant.recipe,
            problem=integrity_error(Path(variant.path), variant.sha256, voice.config if variant.recipe else None),
            caveat=variant.caveat,
            oldest_macos=int(str(variant.params.get("target", "macos0")).removeprefix("macos")),
            figures=_figures(results.get(variant.name)),
        )
        for variant in voice.variants
    ]
    if BY_PROVIDER in results:
        candidates.append(Candidate(BY_PROVIDER, None, figures=_figures(results[BY_PROVIDER])))
    return candidates


def _figures(result: Result | None) -> Figures | None:
    if result is None or result.speedup is None:
        return None
    return Figures(result.speedup, result.speedup_ci or (result.speedup, result.speedup), result.grade, result.noisy)


def _compare(db: sqlite3.Connection, picked: Result, other: Result) -> PairedSpeed | Unpaired:
    """How fast another variant is beside the picked one, by the pairs of the run that measured both."""
    if (picked.benchmark_id, picked.threads) != (other.benchmark_id, other.threads):
        return Unpaired.DIFFERENT_RUNS
    first, second = (list_parts(db, Sample, result.id) for result in (picked, other))
    if not first or not second:
        return Unpaired.PRUNED
    from core.benchmark.figures import MIN_PAIRS, counted_pairs, speedup

    if len(counted_pairs(first, second)) < MIN_PAIRS:
        return Unpaired.FEW_PAIRS
    ratio, low, high = speedup(first, second)
    return PairedSpeed(ratio, (low, high))


def _why_not_loaded(candidate: Candidate, path: Path, voice: Voice) -> str | None:
    """Tried in a process of its own: what cannot be loaded may take its process with it."""
    engine: EngineName = "coreml" if path.is_dir() else "onnxruntime"
    if candidate.name == BY_PROVIDER:
        engine = "onnxruntime-coreml"
    try:
        Probe(candidate.name, engine, path, None, voice.config).close()
    except ProbeFailed as error:
        return f"does not load: {error.reason}"
    return None
