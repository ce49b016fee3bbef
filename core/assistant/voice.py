"""Which voice an assistant's configuration names."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.assistant.document import Document
from core.assistant.file import ConfigFile
from core.assistant.keys import FALLBACK_PATH, VOICE_PATH
from core.errors import BadInput
from core.store.voices import Variant, Voice


@dataclass(frozen=True)
class Loaded:
    """What a configuration has the assistant load, and by which key."""

    key: str
    path: Path
    voice: str | None = None
    """Whose variant it is; None, as `variant`, for a file that nothing here is made of."""
    variant: Variant | None = None


def located(value: object, folder: Path) -> Path | None:
    """Where the file lies that a value in a configuration of `folder` names; None if it can name none.

    A relative path is tried from that folder, then from the one above it.
    """
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return None
    try:
        path = Path(value).expanduser()
        tried = [base / path for base in (folder, folder.parent)]
        found = next((entry for entry in tried if entry.exists()), tried[0])
        # Links to folders are followed; one that is a voice's file has the configuration beside it.
        return found.parent.resolve() / found.name
    except (OSError, RuntimeError, ValueError):
        return None


def variant_at(voices: Iterable[Voice], path: Path) -> tuple[Voice, Variant] | None:
    """What of these voices lies there: the original is a variant, too."""
    path = path.resolve()
    for voice in voices:
        for variant in voice.variants:
            if Path(variant.path).resolve() == path:
                return voice, variant
    return None


def loaded_by(file: ConfigFile, voices: Iterable[Voice]) -> Loaded | None:
    """Today's assistant loads `voice_path`, without it `fallback_path`, and nothing else; None if it names neither.

    Raises BadInput for what is no YAML file.
    """
    document = Document(file.text, str(file.path))
    for key in (VOICE_PATH, FALLBACK_PATH):
        path = located(document.value(key), file.path.parent)
        if path:
            voice, variant = variant_at(voices, path) or (None, None)
            return Loaded(key, path, voice.key if voice else None, variant)
    return None


def named_voice(file: ConfigFile, voices: Iterable[Voice]) -> tuple[str, Path]:
    """The key that tells the assistant which voice to load, and that voice's path.

    Raises BadInput if there is none, or if it is a variant that was made of one of these voices.
    """
    loaded = loaded_by(file, voices)
    if loaded is None:
        raise BadInput(f"{file.path} names no voice by {VOICE_PATH} or {FALLBACK_PATH}: ttsdash voices add PATH.onnx")
    if loaded.variant and loaded.variant.recipe:
        raise BadInput(
            f"{loaded.key} of {file.path} is {loaded.path}, which was made here: it is {loaded.variant.name} of "
            f"{loaded.voice}, which is registered already"
        )
    return loaded.key, loaded.path
