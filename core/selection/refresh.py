"""Selects a voice's variant anew on this machine: looks at the files, the figures and the hardware, and keeps the outcome."""

import sqlite3
from pathlib import Path

from core.benchmark.probe import Probe, ProbeFailed
from core.engines.names import BY_PROVIDER, EngineName
from core.hardware.machine import this_machine
from core.hardware.probes import Probes, ask
from core.identity import wrong_with
from core.selection.figures import Figures
from core.selection.judge import Candidate, Selection, select
from core.store.database import transaction
from core.store.results import Result, list_results
from core.store.selections import Wish, get_wish, put_selection
from core.store.voices import ORIGINAL, Voice, get_voice


def select_now(db: sqlite3.Connection, voice_key: str, cause: str) -> Selection:
    """Select, and add it to the history if it is another than before; `cause` says there after what.

    Raises NotFound. Whatever another process stores meanwhile is looked at, too.
    """
    machine, probes = this_machine(), ask()
    while True:
        voice = get_voice(db, voice_key)
        wish, measured = get_wish(db, voice.id), list_results(db, voice_id=voice.id)
        selection = _select(voice, [r for r in measured if r.stock and r.machine == machine.id], wish, probes)
        chosen = ORIGINAL if selection.selected == BY_PROVIDER else selection.selected
        with transaction(db):
            seen = voice.variants, wish, [result.id for result in measured[:1]]
            newest = [result.id for result in list_results(db, voice_id=voice.id, limit=1)]
            if seen == (get_voice(db, voice_key).variants, get_wish(db, voice.id), newest):
                put_selection(db, voice.id, machine, selection, voice.variant(chosen).sha256, cause)
                return selection


def _select(voice: Voice, measured: list[Result], wish: Wish, probes: Probes) -> Selection:
    paths = {variant.name: variant.path for variant in voice.variants}
    return select(
        voice.key,
        _candidates(voice, measured),
        probes,
        wish.policy,
        wish.pinned,
        lambda candidate: _why_not_loaded(candidate, Path(paths.get(candidate.name, voice.path)), voice),
    )


def _candidates(voice: Voice, measured: list[Result]) -> list[Candidate]:
    candidates = [
        Candidate(
            name=variant.name,
            recipe=variant.recipe,
            problem=wrong_with(Path(variant.path), variant.sha256, voice.config if variant.recipe else None),
            caveat=variant.caveat,
            oldest_macos=int(str(variant.params.get("target", "macos0")).removeprefix("macos")),
            figures=_figures(measured, variant.name, variant.sha256),
        )
        for variant in voice.variants
    ]
    by_provider = _figures(measured, BY_PROVIDER, voice.id)
    return [*candidates, *([Candidate(BY_PROVIDER, None, figures=by_provider)] if by_provider else [])]


def _figures(results: list[Result], name: str, sha256: str) -> Figures | None:
    """The newest of just these files."""
    for result in results:
        if (result.variant, result.variant_sha256) == (name, sha256) and result.speedup is not None:
            interval = result.speedup_ci or (result.speedup, result.speedup)
            return Figures(result.speedup, interval, result.grade, result.noisy)
    return None


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
