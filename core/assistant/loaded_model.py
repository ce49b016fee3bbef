"""Which model an assistant's configuration has the assistant load."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.assistant.config import AssistantConfig, resolve_path
from core.assistant.keys import FALLBACK_PATH, VOICE_PATH
from core.errors import InvalidInput
from core.files import sha256_of
from core.records.voices import Variant, Voice


@dataclass(frozen=True)
class LoadedModel:
    """The file that the assistant loads, and the key that names it."""

    key: str
    path: Path
    voice: str | None = None
    """The voice that it is a variant of; None, like `variant`, for a file that this workspace does not know."""
    variant: Variant | None = None


def variant_at(voices: Iterable[Voice], path: Path) -> tuple[Voice, Variant] | None:
    """Return the variant at a path, the original included.

    It is recognized by its location, also inside a variant's folder; else by its checksum, for a copy.
    """
    location, known = path.resolve(), [(voice, variant) for voice in voices for variant in voice.variants]
    for voice, variant in known:
        if location.is_relative_to(Path(variant.path).resolve()):
            return voice, variant
    checksum = sha256_of(location) if known and location.is_file() else None
    return next(((voice, variant) for voice, variant in known if variant.sha256 == checksum), None)


def loaded_model(config: AssistantConfig, voices: Iterable[Voice]) -> LoadedModel | None:
    """Return the model that the assistant loads, None if the configuration names none."""
    if config.loaded is None:
        return None
    key, path = config.loaded
    voice, variant = variant_at(voices, path) or (None, None)
    return LoadedModel(key, path, voice.key if voice else None, variant)


def configured_voice(config: AssistantConfig, voices: Iterable[Voice]) -> tuple[str, Path]:
    """Return the key that names the assistant's voice, and the voice's path.

    Raises UnknownLayout if no known key names it, InvalidInput if there is none, or if it is a variant that was made from one of these voices.
    """
    config.require_understood(_add_unreachable(config))
    loaded, file = loaded_model(config, voices), config.file
    if loaded is None and config.mapped_key:
        raise InvalidInput(
            f"no voice in {file.path}: {config.mapped_key} is empty (add one with: ttsdash voices add PATH.onnx)"
        )
    if loaded is None:
        raise InvalidInput(
            f"no voice in {file.path}: neither {VOICE_PATH} nor {FALLBACK_PATH} is set "
            "(add one with: ttsdash voices add PATH.onnx)"
        )
    if loaded.variant and loaded.variant.recipe:
        raise InvalidInput(
            f"{loaded.key} of {file.path} is {loaded.path}, a variant made by ttsdash: "
            f"{loaded.variant.name} of {loaded.voice}, which is already registered"
        )
    return loaded.key, loaded.path


def _add_unreachable(config: AssistantConfig) -> str:
    """Return how to add the voice that only a place without a key names."""
    paths = (resolve_path(model.value, config.file.path.parent) for model in config.unreachable_models)
    path = next(filter(None, paths), None)
    return f"add the voice with: ttsdash voices add {shlex.quote(str(path)) if path else 'PATH.onnx'}"
