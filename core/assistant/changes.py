"""Plan the changes to an assistant's configuration for a selection, with notes for the user."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.assistant.keys import (
    CACHE_SIZE,
    COREML_PATH,
    FALLBACK_PATH,
    PERFORMANCE,
    QUANTIZED_PATH,
    SWITCHES,
    VOICE_PATH,
)
from core.coreml.layout import FRONT, PACKAGE
from core.engines.names import BY_PROVIDER
from core.records.selections import CandidateStatus, Decision, Selection
from core.records.voices import ORIGINAL, Voice
from core.variants.checksums import integrity_error
from core.yaml_edit.scalar import Value

_COREML = "coreml"
_QUANTIZED = ("distill", "static", "dynamic", "prune", "int4", "tune")
_CACHED_PHRASES = 100
_TRUE = ("true", "yes", "on", "1")


@dataclass(frozen=True)
class Change:
    """A key with its current and its new value."""

    key: str
    old: Value | None
    new: Value


@dataclass(frozen=True)
class Plan:
    """The changes to make, and notes for the user."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Target:
    """The value that a key should have, None to leave it unchanged, and notes about it."""

    key: str
    value: Value | None
    notes: tuple[str, ...] = ()


def make_plan(
    voice: Voice,
    selection: Selection,
    problems: Mapping[str, str],
    values: Mapping[str, Value | None],
    paths: Mapping[str, Path | None],
    use_selected: bool,
    mapped_key: str | None = None,
    performance: bool = False,
) -> Plan:
    """Return the changes that a configuration needs for a selection.

    `problems` are by variant why its files cannot be used; `values` and `paths` are the configuration's, by dotted key.
    Without `use_selected` the path of the voice stays. `mapped_key` names the voice of an assistant that reads none of the
    other keys, so that they are not set. The `performance` keys are set on request.
    """
    selected = _voice_target(voice, selection, mapped_key or VOICE_PATH)
    key = selected.key
    has_fallback = mapped_key is None and paths.get(FALLBACK_PATH) is not None
    targets = [selected if use_selected else _suggestion(selected, values.get(key), paths.get(key), has_fallback)]
    if mapped_key is None:
        targets += [_quantized_target(voice, selection), _coreml_target(voice, selection, problems)]
        if performance:
            targets += [_Target(key, _CACHED_PHRASES if key == CACHE_SIZE else True) for key in PERFORMANCE]
    changes = [
        Change(target.key, values.get(target.key), target.value)
        for target in targets
        if target.value is not None
        and not _is_set(target.key, values.get(target.key), paths.get(target.key), target.value)
    ]
    notes = [note for target in targets for note in target.notes] + [warning.text for warning in selection.warnings]
    return Plan(tuple(changes), tuple(notes))


def loadable_variant(voice: Voice, selection: Selection) -> str | None:
    """Return the selected variant, else the next in order, that the assistant can load: a single .onnx file."""
    if selection.selected == BY_PROVIDER:
        return ORIGINAL
    files = [variant.name for variant in voice.variants if variant.recipe != _COREML]
    if selection.selected in files:
        return selection.selected
    usable = (decision.variant for decision in selection.candidates if decision.status is not CandidateStatus.REJECTED)
    return next((name for name in usable if name in files), None)


def coreml_errors(voice: Voice) -> dict[str, str]:
    """Return by Core ML variant why it cannot be used: it is outdated, or its files are not those that were made."""
    made = [variant for variant in voice.variants if variant.recipe == _COREML]
    errors = {
        variant.name: variant.outdated.reason
        if variant.outdated
        else integrity_error(Path(variant.path), variant.sha256)
        for variant in made
    }
    return {name: error for name, error in errors.items() if error}


def _quantized_target(voice: Voice, selection: Selection) -> _Target:
    decisions = _decisions_on(voice, selection, _QUANTIZED)
    for decision in decisions:
        if decision.status is not CandidateStatus.REJECTED:
            return _Target(QUANTIZED_PATH, voice.variant(decision.variant).path)
    rejections = "; ".join(f"{decision.variant} was rejected: {decision.reason}" for decision in decisions)
    key = shlex.quote(voice.key)
    if rejections and any(voice.variant(decision.variant).outdated for decision in decisions):
        rejections += f" (make it again: ttsdash optimize --model {key} --outdated)"
    missing = f"there is no quantized variant: ttsdash optimize --model {key} --static --dynamic"
    return _unchanged(QUANTIZED_PATH, rejections or missing)


def _coreml_target(voice: Voice, selection: Selection, problems: Mapping[str, str]) -> _Target:
    decisions = _decisions_on(voice, selection, (_COREML,))
    intact = [decision for decision in decisions if decision.variant not in problems]
    decision = next((decision for decision in intact if decision.status is not CandidateStatus.REJECTED), None)
    if decision is None:
        rejections = [f"{decision.variant} was rejected: {decision.reason}" for decision in intact]
        damage = [problems[decision.variant] for decision in decisions if decision.variant in problems]
        missing = f"there is no Core ML variant: ttsdash optimize --model {shlex.quote(voice.key)} --coreml"
        return _unchanged(COREML_PATH, "; ".join((*damage, *rejections)) or missing)
    variant = voice.variant(decision.variant)
    caveats = [variant.caveat] if variant.caveat and not decision.names_caveat else []
    engine = (
        f"{COREML_PATH}: {PACKAGE} contains only the flow and the decoder; the assistant needs ttsdash's engine to run "
        f"it ({FRONT} next to it computes its input)"
    )
    notes = (*(f"{COREML_PATH}, {variant.name}: {caveat}" for caveat in caveats), engine)
    return _Target(COREML_PATH, str(Path(variant.path) / PACKAGE), notes)


def _voice_target(voice: Voice, selection: Selection, key: str) -> _Target:
    selected, loadable = selection.selected, loadable_variant(voice, selection)
    if loadable is None:
        return _unchanged(key, f"{selected} is selected, and no variant that is a single .onnx file can be used")
    notes: tuple[str, ...] = ()
    if selected == BY_PROVIDER:
        notes = (
            f"{key}: {selected} is selected: the file of the original, "
            "which is that fast only with ONNX Runtime's Core ML provider",
        )
    elif loadable != selected:
        notes = (
            f"{key}: {selected} is selected, but the assistant can load only a single .onnx file: "
            f"{loadable} is the next in order",
        )
    return _Target(key, voice.variant(loadable).path, notes)


def _suggestion(target: _Target, current: Value | None, path: Path | None, has_fallback: bool) -> _Target:
    """Leave the voice path unchanged, with a note on what it would be set to."""
    if target.value is None or _is_set(target.key, current, path, target.value):
        return _Target(target.key, None)
    unset = "unset (it loads fallback_path)" if has_fallback else "unset"
    note = (
        f"the assistant loads only {target.key}, which stays {current or unset}: "
        f"--use-selected sets it to {target.value}"
    )
    return _Target(target.key, None, (note,))


def _unchanged(key: str, reason: str) -> _Target:
    return _Target(key, None, (f"{key} is left unchanged: {reason}",))


def _decisions_on(voice: Voice, selection: Selection, recipes: tuple[str, ...]) -> list[Decision]:
    """Return the decisions on the variants made by these recipes, in the policy's order."""
    names = {variant.name for variant in voice.variants if variant.recipe in recipes}
    return [decision for decision in selection.candidates if decision.variant in names]


def _is_set(key: str, current: Value | None, path: Path | None, wanted: Value) -> bool:
    """Return whether the current value already does what is wanted."""
    if key == CACHE_SIZE:
        text = str(current).strip()
        return text.isdecimal() and text.strip("0") != ""
    if key in SWITCHES:
        return str(current).strip().lower() in _TRUE
    return path is not None and path.resolve() == Path(str(wanted)).resolve()
