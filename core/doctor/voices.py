"""Whether a voice's files are well, what was measured of them here, and what speaks against the variant that is selected."""

import shlex
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from core.doctor.files import wrong_with_model
from core.doctor.finding import Finding, State
from core.doctor.fixes import make_again
from core.engines.names import BY_PROVIDER
from core.history.newest import list_newest
from core.records.results import Result
from core.records.selection_warnings import SelectionWarning, WarningKind
from core.records.selections import Selection, StoredSelection
from core.records.voices import ORIGINAL, Variant, Voice
from core.store.selections import latest_selection


def judge_library(voices: Sequence[Voice]) -> Iterator[Finding]:
    if not voices:
        yield Finding("voices", State.NOTE, "no voices yet", "ttsdash voices add PATH.onnx")


def check_voice(db: sqlite3.Connection, voice: Voice, machine: str) -> Iterator[Finding]:
    troubles = {variant.name: _trouble(voice, variant) for variant in voice.variants}
    yield from judge_files(voice, troubles)
    yield judge_figures(voice, measured_here(db, voice.id, machine))
    stored = latest_selection(db, voice.id, machine)
    if stored and troubles.get(stored.selection.selected):
        says = f"{stored.selection.selected} was selected before its files were harmed"
        yield Finding("selection", State.PROBLEM, says, f"ttsdash select {shlex.quote(voice.key)}")
    else:
        yield from judge_selection(voice, stored)


def measured_here(db: sqlite3.Connection, voice_id: str, machine: str) -> list[Result]:
    """The figures that selections go by, the newest of each variant first: of this machine, at all cores."""
    newest = [result for result in list_newest(db, machine, voice_id) if result.stock]
    return sorted(newest, key=lambda result: result.created_at, reverse=True)


def _trouble(voice: Voice, variant: Variant) -> str | None:
    return wrong_with_model(Path(variant.path), variant.sha256, voice.config if variant.recipe else None)


def judge_files(voice: Voice, troubles: Mapping[str, str | None]) -> Iterator[Finding]:
    """`troubles` are by variant."""
    well = []
    for variant in voice.variants:
        trouble = troubles[variant.name]
        if trouble:
            yield Finding("files", State.PROBLEM, f"{variant.name}: {trouble}", make_again(variant))
        else:
            well.append(variant.name)
    if well:
        yield Finding("files", State.OK, f"there and unchanged: {', '.join(well)}")


def judge_figures(voice: Voice, results: Sequence[Result]) -> Finding:
    """`results` are those of this machine, the newest first."""
    made = [variant for variant in voice.variants if variant.name != ORIGINAL]
    benchmark = f"ttsdash benchmark {shlex.quote(voice.key)}"
    if not made:
        mend = f"ttsdash optimize --model {shlex.quote(voice.key)} --dynamic --benchmark"
        return Finding(
            "figures", State.NOTE, "there is the original only: nothing smaller or faster has been made", mend
        )
    known = {(result.variant, result.variant_sha256) for result in results}
    missing = [variant.name for variant in made if (variant.name, variant.sha256) not in known]
    if missing:
        return Finding(
            "figures", State.NOTE, f"not measured on this machine at all cores: {', '.join(missing)}", benchmark
        )
    if any(result.noisy for result in results if result.benchmark_id == results[0].benchmark_id):
        says = "the machine was busy during the latest benchmark: take its speeds with care"
        return Finding("figures", State.NOTE, says, benchmark)
    timed = {result.variant for result in results if result.speedup is not None}
    untimed = ", ".join(variant.name for variant in made if variant.name not in timed)
    says = "every variant has been measured on this machine"
    return Finding("figures", State.OK, says + (f", but for the speed of {untimed}" if untimed else ""))


def judge_selection(voice: Voice, stored: StoredSelection | None) -> Iterator[Finding]:
    again = f"ttsdash select {shlex.quote(voice.key)}"
    if len(voice.variants) == 1:
        return
    if stored is None:
        yield Finding("selection", State.NOTE, "no variant has been selected on this machine", again)
        return
    selection = stored.selection
    if stored.selected_sha256 not in {variant.sha256 for variant in voice.variants}:
        yield Finding("selection", State.NOTE, f"{selection.selected} has changed since it was selected", again)
        return
    # That figures are missing is found of all variants at once.
    found = [
        _weigh(warning, selection, again)
        for warning in selection.warnings
        if warning.kind is not WarningKind.UNMEASURED
    ]
    if not found:
        yield Finding("selection", State.OK, f"{selection.selected}: {selection.reason}")
    # With what mends a problem, what could be better is another matter.
    yield from [finding for finding in found if finding.state is State.PROBLEM] or found


def _weigh(warning: SelectionWarning, selection: Selection, again: str) -> Finding:
    """How bad it is what speaks against a selection, and what to do about it."""
    state, mend = State.NOTE, again
    unpin = f"{again} --unpin" if selection.pinned else again
    by_figures = unpin if selection.policy == "measured" else f"{unpin} --policy measured"
    match warning.kind:
        case WarningKind.UNUSABLE_PIN | WarningKind.UNUSABLE_ORIGINAL:
            state, mend = State.PROBLEM, unpin
        case WarningKind.SLOWER | WarningKind.DEGRADED:
            state, mend = State.PROBLEM, by_figures
        case WarningKind.FASTER_EXISTS | WarningKind.BETTER_EXISTS:
            # What is no file of its own cannot be pinned.
            mend = by_figures if warning.variant == BY_PROVIDER else f"{again} --pin {shlex.quote(warning.variant)}"
        case WarningKind.UNVERIFIED | WarningKind.UNGRADED | WarningKind.UNMEASURED:
            mend = f"ttsdash benchmark {shlex.quote(selection.voice)}"
        case WarningKind.LEGACY:
            pass
    return Finding("selection", state, warning.text, mend)
