"""Check the paths in an assistant's configuration, and that the assistant loads what is selected."""

import shlex
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.assistant.config import PATH_KEYS, WRITE_YOURSELF, AssistantConfig, describe_unreachable
from core.assistant.keys import COREML_PATH, QUANTIZED_PATH
from core.assistant.loaded_model import variant_at
from core.doctor.files import missing_config_error, model_error
from core.doctor.finding import Finding, State
from core.doctor.fixes import on_path, remake_command
from core.doctor.voices import local_results
from core.engines.names import BY_PROVIDER
from core.records.results import Result
from core.records.voices import ORIGINAL, Variant, Voice
from core.store.selections import latest_selection
from core.store.voices import list_voices
from core.voices.file import config_path_of

_COREML = "coreml"
_BAD_GRADES = ("noticeable", "broken")


@dataclass(frozen=True)
class LoadedVariant:
    """The variant that the assistant loads, with what is known about it on this machine."""

    variant: Variant
    figures: Result | None
    selected: str | None
    """The selected variant of its voice; None if there is none, or if the assistant cannot load it."""


def check_configuration(config: AssistantConfig, db: sqlite3.Connection | None, machine: str) -> Iterator[Finding]:
    """Yield the findings for a configuration. Without a database no file in it is known."""
    apply = on_path("ttsdash apply", config.file.path)
    if not config.is_understood:
        keys, unreachable = list(config.model_keys), config.unreachable_models
        message = f"{config.file.path} has none of the keys {', '.join(PATH_KEYS)}"
        if unreachable and not keys:
            yield Finding("paths", State.NOTE, f"{message}; {describe_unreachable(unreachable)}", WRITE_YOURSELF)
        else:
            yield Finding(
                "paths", State.NOTE, message, f"{apply} --voice-key {shlex.quote(keys[0]) if keys else 'KEY'}"
            )
        return
    if not config.paths:
        message = f"{config.file.path} sets none of the keys {config.mapped_key or ', '.join(PATH_KEYS)}"
        yield Finding("paths", State.NOTE, message, f"{apply} --voice VOICE")
        return
    voices = list_voices(db) if db else []
    found = {key: variant_at(voices, path) for key, path in config.paths.items() if path}
    variants = {key: match[1] for key, match in found.items() if match}
    for key, path in config.paths.items():
        yield _check_path(key, path, variants.get(key), _set_command(key, config.voice_key, apply))
    loaded_key = config.loaded[0] if config.loaded else config.voice_key
    match = found.get(loaded_key)
    if db and match:
        loaded = _loaded_variant(db, *match, machine)
        yield judge_use(loaded_key, loaded, variants.get(QUANTIZED_PATH), apply)


def _check_path(key: str, path: Path | None, variant: Variant | None, set_command: str) -> Finding:
    name = _short(key)
    if path is None or not path.exists():
        lost = variant and not Path(variant.path).exists()
        fix = remake_command(variant) if variant and lost else set_command
        return Finding(name, State.PROBLEM, f"{path} does not exist" if path else "it is not a valid path", fix)
    if variant:
        return _check_variant(name, path, variant)
    if path.suffix != ".onnx":
        return Finding(name, State.NOTE, f"{path} is not a variant of this workspace", set_command)
    return _check_unknown(name, path)


def _check_variant(name: str, path: Path, variant: Variant) -> Finding:
    """Check a path to a variant: its file, a file in its folder, a link to it, or a copy of it."""
    if variant.outdated:
        message = f"{variant.name} of {variant.voice} is {variant.outdated.reason}"
        return Finding(name, State.PROBLEM, message, remake_command(variant))
    original = Path(variant.path)
    error = model_error(original if original.is_dir() else path, variant.sha256)
    if error is None:
        return Finding(name, State.OK, f"{variant.name} of {variant.voice}, unchanged")
    source, config = config_path_of(original), config_path_of(path)
    if path.is_file() and source.is_file() and not config.exists():
        return Finding(name, State.PROBLEM, error, shlex.join(["cp", str(source), str(config)]))
    return Finding(name, State.PROBLEM, error, remake_command(variant))


def _check_unknown(name: str, path: Path) -> Finding:
    error = missing_config_error(path)
    if error:
        return Finding(
            name, State.PROBLEM, error, "download it from where the voice is from, and put it next to the voice"
        )
    message = f"{path} is not a voice or variant of this workspace"
    return Finding(name, State.NOTE, message, on_path("ttsdash voices add", path))


def judge_use(key: str, loaded: LoadedVariant, quantized: Variant | None, apply: str) -> Finding:
    """Return whether the assistant uses what was made: it loads `voice_path`, or else `fallback_path`, and nothing else."""
    name, variant, use_selected = _short(key), loaded.variant, f"{apply} --use-selected"
    if variant.recipe == _COREML:
        message = f"{name} names a folder, but the assistant can load only a single .onnx file"
        return Finding("use", State.PROBLEM, message, use_selected)
    if variant.name != ORIGINAL:
        return _judge_made(loaded, use_selected)
    if loaded.selected != ORIGINAL and quantized and quantized.name != ORIGINAL:
        message = f"{name} names the original, the only file that the assistant loads: the quantized model is not used"
        return Finding("use", State.PROBLEM, message, use_selected)
    if loaded.selected not in (None, ORIGINAL):
        return Finding("use", State.NOTE, f"the original is loaded; {loaded.selected} is selected", use_selected)
    selected = ", which is selected on this machine" if loaded.selected else ""
    return Finding("use", State.OK, f"the original is loaded{selected}")


def _judge_made(loaded: LoadedVariant, use_selected: str) -> Finding:
    variant, figures, voice = loaded.variant, loaded.figures, shlex.quote(loaded.variant.voice)
    if variant.outdated:
        message = f"{variant.name} is loaded, which is {variant.outdated.reason}"
        return Finding("use", State.PROBLEM, message, f"{remake_command(variant)} --benchmark --wait && {use_selected}")
    if figures is None or figures.speedup is None:
        message = f"{variant.name} is loaded, but has not been measured on this machine at all cores"
        return Finding("use", State.NOTE, message, f"ttsdash benchmark {voice}")
    low, high = figures.speedup_ci or (figures.speedup, figures.speedup)
    message = f"{variant.name} is loaded: {figures.speedup:.2f}x as fast as the original "
    message += f"(95 % interval {low:.2f}–{high:.2f}), sound {figures.grade or 'not graded'}"
    is_selected = loaded.selected in (None, variant.name)
    if figures.verdict != "slower" and figures.grade not in _BAD_GRADES:
        if is_selected:
            return Finding("use", State.OK, message)
        return Finding("use", State.NOTE, f"{message}; {loaded.selected} is selected", use_selected)
    select = f"ttsdash select {voice} --policy measured && " if is_selected else ""
    return Finding("use", State.PROBLEM, message, select + use_selected)


def _loaded_variant(db: sqlite3.Connection, voice: Voice, variant: Variant, machine: str) -> LoadedVariant:
    results = local_results(db, voice.source_sha256, machine)
    figures = next((r for r in results if (r.variant, r.variant_sha256) == (variant.name, variant.sha256)), None)
    stored = latest_selection(db, voice.id, machine)
    selected = stored.selection.selected if stored else None
    if selected == BY_PROVIDER:
        selected = ORIGINAL
    loadable = [variant.name for variant in voice.variants if variant.recipe != _COREML]
    return LoadedVariant(variant, figures, selected if selected in loadable else None)


def _set_command(key: str, voice_key: str, apply: str) -> str:
    if key == voice_key:
        return f"{apply} --voice VOICE --use-selected"
    return apply if key in (QUANTIZED_PATH, COREML_PATH) else f"set {key} yourself"


def _short(key: str) -> str:
    return key.rpartition(".")[2]
