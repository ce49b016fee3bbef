"""Selects a voice's variant anew on this machine: looks at the files, the figures and the hardware, and keeps the outcome."""

import sqlite3
from pathlib import Path

from core.benchmark.probe import Probe, ProbeFailed
from core.engines.names import BY_PROVIDER, EngineName
from core.hardware.machine import Machine, this_machine
from core.hardware.probes import Probes, ask
from core.identity import wrong_with
from core.selection.figures import Figures
from core.selection.judge import Candidate, Selection, select
from core.store.database import transaction
from core.store.results import Result, list_results, newest_result
from core.store.selections import Wish, get_wish, put_selection
from core.store.voices import ORIGINAL, Voice, get_voice


def select_now(db: sqlite3.Connection, voice_key: str, cause: str, probes: Probes | None = None) -> Selection:
    """Select, and add it to the history if it is another than before; `cause` says there after what.

    `probes` are this machine's answers, if it has been asked already. Raises NotFound. Whatever another process stores
    meanwhile is looked at, too.
    """
    machine, probes = this_machine(), probes or ask()
    while True:
        voice = get_voice(db, voice_key)
        wish, newest = get_wish(db, voice.id), _newest(db, voice)
        selection = _select(voice, _candidates(db, voice, machine), wish, probes)
        chosen = ORIGINAL if selection.selected == BY_PROVIDER else selection.selected
        with transaction(db):
            now = get_voice(db, voice_key)
            if (voice.variants, wish, newest) == (now.variants, get_wish(db, now.id), _newest(db, now)):
                put_selection(db, voice.id, machine, selection, voice.variant(chosen).sha256, cause)
                return selection


def _newest(db: sqlite3.Connection, voice: Voice) -> list[str]:
    return [result.id for result in list_results(db, voice_id=voice.id, limit=1)]


def _select(voice: Voice, candidates: list[Candidate], wish: Wish, probes: Probes) -> Selection:
    paths = {variant.name: variant.path for variant in voice.variants}
    return select(
        voice.key,
        candidates,
        probes,
        wish.policy,
        wish.pinned,
        lambda candidate: _why_not_loaded(candidate, Path(paths.get(candidate.name, voice.path)), voice),
    )


def _candidates(db: sqlite3.Connection, voice: Voice, machine: Machine) -> list[Candidate]:
    candidates = [
        Candidate(
            name=variant.name,
            recipe=variant.recipe,
            problem=wrong_with(Path(variant.path), variant.sha256, voice.config if variant.recipe else None),
            caveat=variant.caveat,
            oldest_macos=int(str(variant.params.get("target", "macos0")).removeprefix("macos")),
            figures=_figures(newest_result(db, voice.id, variant.name, machine, variant.sha256)),
        )
        for variant in voice.variants
    ]
    by_provider = _figures(newest_result(db, voice.id, BY_PROVIDER, machine, voice.id))
    return [*candidates, *([Candidate(BY_PROVIDER, None, figures=by_provider)] if by_provider else [])]


def _figures(result: Result | None) -> Figures | None:
    if result is None or result.speedup is None:
        return None
    return Figures(result.speedup, result.speedup_ci or (result.speedup, result.speedup), result.grade, result.noisy)


def _why_not_loaded(candidate: Candidate, path: Path, voice: Voice) -> str | None:
    """Tried in a process of its own: what cannot be loaded may take its process with it."""
    engine: EngineName = "coreml" if path.is_dir() else "onnxruntime"
    if candidate.name == BY_PROVIDER:
        engine = "onnxruntime-coreml"
    try:
        Probe(candidate.name, engine, path, None, voice.config).close()
    except ProbeFailed as error:
        return f"does not load: {str(error).removeprefix(f'{candidate.name}: ')}"
    return None
