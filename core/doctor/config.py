"""Whether the paths in an assistant's configuration lead to what was made, and whether that is what it loads."""

import shlex
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.assistant.config import PATH_KEYS, AssistantConfig
from core.assistant.keys import COREML_PATH, QUANTIZED_PATH, VOICE_PATH
from core.assistant.voice import variant_at
from core.doctor.files import unconfigured, wrong_with_model
from core.doctor.finding import Finding, State
from core.doctor.fixes import make_again, on_path
from core.doctor.voices import measured_here
from core.engines.names import BY_PROVIDER
from core.records.results import Result
from core.records.voices import ORIGINAL, Variant, Voice
from core.store.selections import latest_selection
from core.store.voices import list_voices
from core.voices.file import config_path_of

_COREML = "coreml"
_SOUNDS_BAD = ("noticeable", "broken")


@dataclass(frozen=True)
class Here:
    """What this machine knows of the variant that the assistant loads."""

    figures: Result | None
    selected: str | None
    """The variant of that voice that is selected; None, too, for one that today's assistant cannot load."""


def check_configuration(config: AssistantConfig, db: sqlite3.Connection | None, machine: str) -> Iterator[Finding]:
    """Without a data base no file is known."""
    apply = on_path("ttsdash apply", config.file.path)
    if not config.paths:
        says = f"{config.file.path} has none of the keys {', '.join(PATH_KEYS)}"
        yield Finding("paths", State.NOTE, says, f"{apply} --voice VOICE")
        return
    voices = list_voices(db) if db else []
    found = {key: variant_at(voices, path) for key, path in config.paths.items() if path}
    known = {key: at[1] for key, at in found.items() if at}
    for key, path in config.paths.items():
        yield from _entry(key, path, known.get(key), apply)
    loaded = config.loaded[0] if config.loaded else VOICE_PATH
    at = found.get(loaded)
    if db and at:
        voice, variant = at
        yield judge_use(loaded, variant, known.get(QUANTIZED_PATH), _here(db, voice, variant, machine), apply)


def _entry(key: str, path: Path | None, variant: Variant | None, apply: str) -> Iterator[Finding]:
    """How a path is."""
    name = _short(key)
    if path is None or not path.exists():
        gone = variant and not Path(variant.path).exists()
        mend = make_again(variant) if variant and gone else _set_again(key, apply)
        yield Finding(name, State.PROBLEM, f"{path} does not exist" if path else "it names no file", mend)
    elif variant:
        yield _of_variant(name, path, variant)
    elif path.suffix != ".onnx":
        yield Finding(name, State.NOTE, f"{path} is no variant of this workspace", _set_again(key, apply))
    else:
        yield _unknown(name, path)


def _of_variant(name: str, path: Path, variant: Variant) -> Finding:
    """`path` is the variant's own, one inside of its folder, a link to it, or a copy of it."""
    made = Path(variant.path)
    trouble = wrong_with_model(made if made.is_dir() else path, variant.sha256)
    if trouble is None:
        return Finding(name, State.OK, f"{variant.name} of {variant.voice}, unchanged")
    source, config = config_path_of(made), config_path_of(path)
    if path.is_file() and source.is_file() and not config.exists():
        return Finding(name, State.PROBLEM, trouble, shlex.join(["cp", str(source), str(config)]))
    return Finding(name, State.PROBLEM, trouble, make_again(variant))


def _unknown(name: str, path: Path) -> Finding:
    trouble = unconfigured(path)
    if trouble:
        return Finding(name, State.PROBLEM, trouble, "get it from where the voice is from, and lay it beside")
    return Finding(
        name, State.NOTE, f"{path} is no voice or variant of this workspace", on_path("ttsdash voices add", path)
    )


def judge_use(loaded: str, variant: Variant, quantized: Variant | None, here: Here, apply: str) -> Finding:
    """Whether what was made is used: today's assistant loads `voice_path`, without it `fallback_path`, and nothing else."""
    name, use_selected = _short(loaded), f"{apply} --use-selected"
    if variant.recipe == _COREML:
        says = f"{name} names a folder, and today's assistant loads one .onnx file only"
        return Finding("use", State.PROBLEM, says, use_selected)
    if variant.name != ORIGINAL:
        return _judge_made(variant, here, use_selected)
    if here.selected != ORIGINAL and quantized and quantized.name != ORIGINAL:
        says = f"{name} names the original: today's assistant loads only that, so the quantized model is not used"
        return Finding("use", State.PROBLEM, says, use_selected)
    if here.selected not in (None, ORIGINAL):
        return Finding("use", State.NOTE, f"the original is loaded; {here.selected} is selected", use_selected)
    selected = ", which is selected on this machine" if here.selected else ""
    return Finding("use", State.OK, f"the original is loaded{selected}")


def _judge_made(variant: Variant, here: Here, use_selected: str) -> Finding:
    figures, voice = here.figures, shlex.quote(variant.voice)
    if figures is None or figures.speedup is None:
        says = f"{variant.name} is loaded, but not measured on this machine at all cores"
        return Finding("use", State.NOTE, says, f"ttsdash benchmark {voice}")
    low, high = figures.speedup_ci or (figures.speedup, figures.speedup)
    says = f"{variant.name} is loaded: {figures.speedup:.2f}x as fast as the original here "
    says += f"(95 % interval {low:.2f}–{high:.2f}), sound {figures.grade or 'not graded'}"
    if figures.verdict != "slower" and figures.grade not in _SOUNDS_BAD:
        if here.selected in (None, variant.name):
            return Finding("use", State.OK, says)
        return Finding("use", State.NOTE, f"{says}; {here.selected} is selected", use_selected)
    select = f"ttsdash select {voice} --policy measured && " if here.selected in (None, variant.name) else ""
    return Finding("use", State.PROBLEM, says, select + use_selected)


def _here(db: sqlite3.Connection, voice: Voice, variant: Variant, machine: str) -> Here:
    results = measured_here(db, voice.id, machine)
    figures = next((r for r in results if (r.variant, r.variant_sha256) == (variant.name, variant.sha256)), None)
    stored = latest_selection(db, voice.id, machine)
    name = stored.selection.selected if stored else None
    loadable = {variant.name: variant.name for variant in voice.variants if variant.recipe != _COREML}
    return Here(figures, ({BY_PROVIDER: ORIGINAL} | loadable).get(name or ""))


def _set_again(key: str, apply: str) -> str:
    if key == VOICE_PATH:
        return f"{apply} --voice VOICE --use-selected"
    return apply if key in (QUANTIZED_PATH, COREML_PATH) else f"set {key} by hand"


def _short(key: str) -> str:
    return key.rpartition(".")[2]
