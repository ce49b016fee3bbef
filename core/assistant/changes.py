"""What an assistant's configuration should say of a voice on this machine, and what its user has to know about that."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.assistant.keys import (
    ALL,
    CACHE_SIZE,
    COREML_PATH,
    QUANTIZED_PATH,
    SWITCHES,
    VOICE_PATH,
)
from core.coreml.layout import FRONT, PACKAGE
from core.engines.names import BY_PROVIDER
from core.records.selections import Decision, Selection
from core.records.voices import ORIGINAL, Voice
from core.variants.checksums import integrity_error
from core.yaml_edit.scalar import Value

_COREML = "coreml"
_QUANTIZING = ("static", "dynamic", "int4")
_CACHED_PHRASES = 100
_TRUE = ("true", "yes", "on", "1")


@dataclass(frozen=True)
class Change:
    """A key with what it says and what it is to say."""

    key: str
    old: Value | None
    new: Value


@dataclass(frozen=True)
class Plan:
    """What to change, and lines for the user."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Wish:
    """A value for a key, None to leave it alone; and what has to be said of it."""

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
) -> Plan:
    """Hold what is wanted against the values of a configuration and the paths that they name, by dotted keys.

    `problems` says by variant why files cannot be used.
    """
    selected = _selected(voice, selection)
    wishes = [
        _quantized(voice, selection),
        _coreml(voice, selection, problems),
        selected if use_selected else _only_told(selected, values.get(VOICE_PATH), paths.get(VOICE_PATH)),
        _Wish(CACHE_SIZE, _CACHED_PHRASES),
        *(_Wish(key, True) for key in SWITCHES),
    ]
    wanted = {wish.key: wish.value for wish in wishes}
    changes = [
        Change(key, values.get(key), new)
        for key in ALL
        if (new := wanted[key]) is not None and not _says(key, values.get(key), paths.get(key), new)
    ]
    notes = [note for wish in wishes for note in wish.notes] + [warning.text for warning in selection.warnings]
    return Plan(tuple(changes), tuple(notes))


def loadable(voice: Voice, selection: Selection) -> str | None:
    """The variant to load, if today's assistant can: one .onnx file. It is the selected one, else the next in order."""
    if selection.selected == BY_PROVIDER:
        return ORIGINAL
    files = [variant.name for variant in voice.variants if variant.recipe != _COREML]
    if selection.selected in files:
        return selection.selected
    usable = (candidate.variant for candidate in selection.candidates if candidate.verdict != "passed over")
    return next((name for name in usable if name in files), None)


def problems_of(voice: Voice) -> dict[str, str]:
    """Why variants for Core ML cannot be used, by name: their files are held against what was made."""
    made = [variant for variant in voice.variants if variant.recipe == _COREML]
    problems = {variant.name: integrity_error(Path(variant.path), variant.sha256) for variant in made}
    return {name: problem for name, problem in problems.items() if problem}


def _quantized(voice: Voice, selection: Selection) -> _Wish:
    judged = _of_recipes(voice, selection, _QUANTIZING)
    for candidate in judged:
        if candidate.verdict != "passed over":
            return _Wish(QUANTIZED_PATH, voice.variant(candidate.variant).path)
    why = "; ".join(f"{candidate.variant} was passed over: {candidate.reason}" for candidate in judged)
    return _left(
        QUANTIZED_PATH,
        why or f"no quantized variant was made: ttsdash optimize --model {voice.key} --static --dynamic",
    )


def _coreml(voice: Voice, selection: Selection, problems: Mapping[str, str]) -> _Wish:
    judged = _of_recipes(voice, selection, (_COREML,))
    candidate = next((entry for entry in judged if entry.variant not in problems), None)
    if candidate is None:
        why = "; ".join(problems[entry.variant] for entry in judged)
        return _left(
            COREML_PATH, why or f"no variant for Core ML was made: ttsdash optimize --model {voice.key} --coreml"
        )
    variant = voice.variant(candidate.variant)
    said = [candidate.reason] if candidate.verdict == "passed over" else []
    if variant.caveat and not candidate.names_caveat:
        said.append(variant.caveat)
    return _Wish(
        COREML_PATH,
        str(Path(variant.path) / PACKAGE),
        (
            *(f"{COREML_PATH}, {variant.name}: {line}" for line in said),
            f"{COREML_PATH}: {PACKAGE} is flow and decoder only; an assistant needs ttsdash's engine to load it "
            f"({FRONT} beside it makes its input)",
        ),
    )


def _selected(voice: Voice, selection: Selection) -> _Wish:
    name, loads = selection.selected, loadable(voice, selection)
    if loads is None:
        return _left(VOICE_PATH, f"{name} is selected, and none that is one .onnx file can be used")
    note = None
    if name == BY_PROVIDER:
        note = (
            f"{name} is selected: the original's file, which is that fast only through ONNX Runtime's Core ML provider"
        )
    elif loads != name:
        note = f"{name} is selected, but is no .onnx file, and today's assistant loads nothing else: {loads} comes next"
    return _Wish(VOICE_PATH, voice.variant(loads).path, (f"{VOICE_PATH}: {note}",) if note else ())


def _only_told(wish: _Wish, current: Value | None, path: Path | None) -> _Wish:
    """Leave the voice that the assistant loads, and say which it would be."""
    if wish.value is None or _says(wish.key, current, path, wish.value):
        return _Wish(wish.key, None)
    note = (
        f"today's assistant loads only {wish.key}, and goes on with {current or 'its fallback_path'}: "
        f"--use-selected sets it to {wish.value}"
    )
    return _Wish(wish.key, None, (note,))


def _left(key: str, why: str) -> _Wish:
    return _Wish(key, None, (f"{key} is left as it is: {why}",))


def _of_recipes(voice: Voice, selection: Selection, recipes: tuple[str, ...]) -> list[Decision]:
    """The candidates that were made so, in the policy's order."""
    names = {variant.name for variant in voice.variants if variant.recipe in recipes}
    return [candidate for candidate in selection.candidates if candidate.variant in names]


def _says(key: str, old: Value | None, path: Path | None, new: Value) -> bool:
    """Whether a value is right as it is."""
    if key == CACHE_SIZE:
        text = str(old).strip()
        return text.isdecimal() and text.strip("0") != ""
    if key in SWITCHES:
        return str(old).strip().lower() in _TRUE
    return path is not None and path.resolve() == Path(str(new)).resolve()
