"""Which voice an assistant's configuration names."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.assistant.config import AssistantConfig
from core.assistant.keys import FALLBACK_PATH, VOICE_PATH
from core.errors import InvalidInput
from core.files import sha256_of
from core.records.voices import Variant, Voice


@dataclass(frozen=True)
class Loaded:
    """What a configuration has the assistant load, and by which key."""

    key: str
    path: Path
    voice: str | None = None
    """Whose variant it is; None, as `variant`, for a file that nothing here is made of."""
    variant: Variant | None = None


def variant_at(voices: Iterable[Voice], path: Path) -> tuple[Voice, Variant] | None:
    """Return the variant of these voices, the original included, that lies at a path.

    It is found by its place, also inside of a variant's folder; else by its content, for a copy.
    """
    place, known = path.resolve(), [(voice, variant) for voice in voices for variant in voice.variants]
    for voice, variant in known:
        if place.is_relative_to(Path(variant.path).resolve()):
            return voice, variant
    content = sha256_of(place) if known and place.is_file() else None
    return next(((voice, variant) for voice, variant in known if variant.sha256 == content), None)


def loaded_by(config: AssistantConfig, voices: Iterable[Voice]) -> Loaded | None:
    """Return what today's assistant loads; None if the configuration names nothing."""
    if config.loaded is None:
        return None
    key, path = config.loaded
    voice, variant = variant_at(voices, path) or (None, None)
    return Loaded(key, path, voice.key if voice else None, variant)


def named_voice(config: AssistantConfig, voices: Iterable[Voice]) -> tuple[str, Path]:
    """The key that tells the assistant which voice to load, and that voice's path.

    Raises BadInput if there is none, or if it is a variant that was made of one of these voices.
    """
    loaded, file = loaded_by(config, voices), config.file
    if loaded is None:
        raise InvalidInput(
            f"{file.path} names no voice by {VOICE_PATH} or {FALLBACK_PATH}: ttsdash voices add PATH.onnx"
        )
    if loaded.variant and loaded.variant.recipe:
        raise InvalidInput(
            f"{loaded.key} of {file.path} is {loaded.path}, which was made here: it is {loaded.variant.name} of "
            f"{loaded.voice}, which is registered already"
        )
    return loaded.key, loaded.path
