"""Check the files of a voice, its results on this machine, and its selection."""

import shlex
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from core.doctor.files import model_error
from core.doctor.finding import Finding, State
from core.doctor.fixes import on_path, remake_command
from core.engines.names import BY_PROVIDER
from core.history.newest import list_newest
from core.records.results import Result
from core.records.selection_warnings import SelectionWarning, WarningKind
from core.records.selections import Selection, StoredSelection
from core.records.voices import ORIGINAL, Variant, Voice
from core.store.selections import latest_selection
from core.store.voices import list_voices
from core.users import closed_folder, owner_of
from core.variants.sources import add_command, config_has_changed, source_has_changed
from core.voices.file import config_path_of


def judge_library(voices: Sequence[Voice]) -> Iterator[Finding]:
    """Yield a note if there are no voices."""
    if not voices:
        yield Finding("voices", State.NOTE, "no voices yet", "ttsdash voices add PATH.onnx")


def check_voice(db: sqlite3.Connection, voice: Voice, machine: str) -> Iterator[Finding]:
    """Yield the findings for a voice on a machine."""
    namesake = _voice_at_same_path(db, voice)
    if namesake:
        message = f"{voice.path} is the file of {namesake.key}, too, which was added later"
        yield Finding("files", State.PROBLEM, message, f"ttsdash voices remove {shlex.quote(voice.key)}")
        return
    closed = {variant.name: folder for variant in voice.variants if (folder := closed_folder(Path(variant.path)))}
    for name, folder in closed.items():
        message = f"{name}: {folder} belongs to {owner_of(folder)}, and you may not enter it"
        yield Finding("files", State.PROBLEM, message, on_path("ls -ld", folder))
    enterable = [variant for variant in voice.variants if variant.name not in closed]
    errors = {variant.name: _file_error(voice, variant) for variant in enterable}
    yield from judge_files(replace(voice, variants=tuple(enterable)), errors)
    if config_has_changed(voice):
        message = f"{config_path_of(Path(voice.path))} has changed since it was added"
        yield Finding("files", State.PROBLEM, message, add_command(voice))
    # What follows from a file that has changed is known when that is added.
    if source_has_changed(voice) or (voice.outdated_variants and len(voice.current_variants) == 1):
        return
    yield judge_results(voice, local_results(db, voice.source_sha256, machine))
    stored = latest_selection(db, voice.id, machine)
    if stored and errors.get(stored.selection.selected):
        message = f"the files of {stored.selection.selected} were damaged after it was selected"
        yield Finding("selection", State.PROBLEM, message, f"ttsdash select {shlex.quote(voice.key)}")
    else:
        yield from judge_selection(voice, stored)


def local_results(db: sqlite3.Connection, voice_id: str, machine: str) -> list[Result]:
    """Return the results that selections are based on, newest first: the last of each variant on a machine at all cores."""
    newest = [result for result in list_newest(db, machine, voice_id) if result.stock]
    return sorted(newest, key=lambda result: result.created_at, reverse=True)


def _voice_at_same_path(db: sqlite3.Connection, voice: Voice) -> Voice | None:
    """Return the voice that is meant by this voice's path, if that is another one.

    Older versions registered a path again, as another voice, when its file had changed.
    """
    same = [other for other in list_voices(db) if other.path == voice.path]
    if len(same) == 1:
        return None
    meant = next((other for other in same if not source_has_changed(other)), max(same, key=lambda one: one.added_at))
    return None if meant.id == voice.id else meant


def _file_error(voice: Voice, variant: Variant) -> str | None:
    return model_error(Path(variant.path), variant.sha256, voice.config_of(variant))


def judge_files(voice: Voice, errors: Mapping[str, str | None]) -> Iterator[Finding]:
    """Yield the findings for the files of a voice; `errors` are by variant, None if its files are intact."""
    intact: list[str] = []
    outdated: list[str] = []
    for variant in voice.variants:
        error = errors[variant.name]
        if error:
            yield Finding("files", State.PROBLEM, f"{variant.name}: {error}", remake_command(variant))
        else:
            (outdated if variant.outdated else intact).append(variant.name)
    if outdated:
        message = f"outdated, made before the voice's files changed: {', '.join(outdated)}"
        again = f"ttsdash optimize --model {shlex.quote(voice.key)} --outdated --benchmark"
        yield Finding("files", State.NOTE, message, again)
    if intact:
        yield Finding("files", State.OK, f"present and unchanged: {', '.join(intact)}")


def judge_results(voice: Voice, results: Sequence[Result]) -> Finding:
    """Return whether every variant has been measured; `results` are those of this machine, newest first."""
    made = [variant for variant in voice.current_variants if variant.name != ORIGINAL]
    benchmark = f"ttsdash benchmark {shlex.quote(voice.key)}"
    if not made:
        fix = f"ttsdash optimize --model {shlex.quote(voice.key)} --dynamic --benchmark"
        return Finding("results", State.NOTE, "there is no variant but the original", fix)
    known = {(result.variant, result.variant_sha256) for result in results}
    missing = [variant.name for variant in made if (variant.name, variant.sha256) not in known]
    if missing:
        message = f"not measured on this machine at all cores: {', '.join(missing)}"
        return Finding("results", State.NOTE, message, benchmark)
    if any(result.noisy for result in results if result.benchmark_id == results[0].benchmark_id):
        message = "the latest benchmark was a noisy run: its speeds are less certain"
        return Finding("results", State.NOTE, message, benchmark)
    timed = {result.variant for result in results if result.speedup is not None}
    untimed = ", ".join(variant.name for variant in made if variant.name not in timed)
    message = "every variant has been measured on this machine"
    return Finding("results", State.OK, message + (f", except for the speed of {untimed}" if untimed else ""))


def judge_selection(voice: Voice, stored: StoredSelection | None) -> Iterator[Finding]:
    """Yield the findings for the current selection of a voice."""
    again = f"ttsdash select {shlex.quote(voice.key)}"
    if len(voice.variants) == 1:
        return
    if stored is None:
        yield Finding("selection", State.NOTE, "no variant has been selected on this machine", again)
        return
    selection = stored.selection
    if stored.selected_sha256 not in {variant.sha256 for variant in voice.current_variants}:
        yield Finding("selection", State.NOTE, f"{selection.selected} has changed since it was selected", again)
        return
    # Missing results are reported for all variants at once.
    found = [
        _judge_warning(warning, selection, again)
        for warning in selection.warnings
        if warning.kind is not WarningKind.UNMEASURED
    ]
    if not found:
        yield Finding("selection", State.OK, f"{selection.selected}: {selection.reason}")
    # A note may no longer apply once the problems are fixed.
    yield from [finding for finding in found if finding.state is State.PROBLEM] or found


def _judge_warning(warning: SelectionWarning, selection: Selection, again: str) -> Finding:
    state, fix = State.NOTE, again
    unpin = f"{again} --unpin" if selection.pinned else again
    by_figures = unpin if selection.policy == "measured" else f"{unpin} --policy measured"
    match warning.kind:
        case WarningKind.UNUSABLE_PIN | WarningKind.UNUSABLE_ORIGINAL:
            state, fix = State.PROBLEM, unpin
        case WarningKind.SLOWER | WarningKind.DEGRADED:
            state, fix = State.PROBLEM, by_figures
        case WarningKind.FASTER_EXISTS | WarningKind.BETTER_EXISTS:
            # The original run by another provider is not a variant and cannot be pinned.
            fix = by_figures if warning.variant == BY_PROVIDER else f"{again} --pin {shlex.quote(warning.variant)}"
        case WarningKind.UNVERIFIED | WarningKind.UNGRADED | WarningKind.UNMEASURED:
            fix = f"ttsdash benchmark {shlex.quote(selection.voice)}"
        case WarningKind.LEGACY:
            pass
    return Finding("selection", state, warning.text, fix)
