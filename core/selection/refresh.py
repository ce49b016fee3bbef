"""Selects a voice's variant anew on this machine: looks at the files, the figures and the hardware, and keeps the outcome."""

import sqlite3
from pathlib import Path

from core.benchmark.probe import Probe, ProbeFailed
from core.engines.names import BY_PROVIDER, EngineName
from core.hardware.machine import Machine, this_machine
from core.hardware.probes import ask
from core.identity import Damaged, identity_of
from core.selection.figures import Figures
from core.selection.judge import Candidate, Selection, select
from core.store.database import transaction
from core.store.results import Result, list_results
from core.store.selections import get_wish, put_selection
from core.store.voices import ORIGINAL, Variant, Voice


def select_now(db: sqlite3.Connection, voice: Voice, cause: str) -> Selection:
    """Select, and add it to the history if it is another than before; `cause` says there after what."""
    machine, wish = this_machine(), get_wish(db, voice.id)
    paths = {variant.name: variant.path for variant in voice.variants}
    selection = select(
        voice.key,
        _candidates(db, voice, machine),
        ask(),
        wish.policy,
        wish.pinned,
        lambda candidate: _why_not_loaded(candidate, Path(paths.get(candidate.name, voice.path)), voice),
    )
    chosen = ORIGINAL if selection.selected == BY_PROVIDER else selection.selected
    with transaction(db):
        put_selection(db, voice.id, machine, selection, voice.variant(chosen).sha256, cause)
    return selection


def _candidates(db: sqlite3.Connection, voice: Voice, machine: Machine) -> list[Candidate]:
    measured = [r for r in list_results(db, voice_id=voice.id) if r.stock and r.machine == machine.id]
    candidates = [
        Candidate(
            name=variant.name,
            recipe=variant.recipe,
            problem=_problem(variant),
            caveat=variant.caveat,
            oldest_macos=int(str(variant.params.get("target", "macos0")).removeprefix("macos")),
            figures=_figures(measured, variant.name, variant.sha256),
        )
        for variant in voice.variants
    ]
    by_provider = _figures(measured, BY_PROVIDER, voice.id)
    return [*candidates, *([Candidate(BY_PROVIDER, None, figures=by_provider)] if by_provider else [])]


def _problem(variant: Variant) -> str | None:
    path = Path(variant.path)
    try:
        same = identity_of(path) == variant.sha256
    except FileNotFoundError:
        return f"missing: {path}"
    except OSError as error:
        return f"cannot be read: {path} ({error.strerror})"
    except Damaged as error:
        return f"checksum differs: {error}"
    return None if same else f"checksum differs: {path} is not the file that was made"


def _figures(results: list[Result], name: str, sha256: str) -> Figures | None:
    """The newest of just these files."""
    for result in results:
        if (result.variant, result.variant_sha256) == (name, sha256) and result.speedup is not None:
            return Figures(result.speedup, result.speedup_ci or (result.speedup, result.speedup), result.grade)
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
