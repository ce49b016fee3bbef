"""What the assistant of a workspace currently loads, and whether it matches the selection."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.assistant.changes import loadable_variant
from core.assistant.config import AssistantConfig
from core.assistant.loaded_model import LoadedModel, loaded_model
from core.errors import TtsdashError, format_error
from core.records.selections import Selection
from core.records.voices import Voice
from core.settings import read_settings
from core.workspace import Workspace


@dataclass(frozen=True)
class ActiveConfig:
    """The configuration that the settings name, as it was when it was read. What is not known is None."""

    config: Path | None = None
    problem: str | None = None
    """Why the settings or the configuration cannot be read, in one line."""
    loaded: LoadedModel | None = None
    exists: bool = False
    """Whether the loaded file exists."""
    voice_key: str | None = None
    """The key that names the voice, or would; None if no known key is in the file."""

    def variant_of(self, voice: Voice) -> str | None:
        """Return the variant of a voice that is loaded, None if it is another voice's or unknown."""
        loaded = self.loaded
        return loaded.variant.name if loaded and loaded.variant and loaded.voice == voice.key else None

    def matches(self, voice: Voice, selection: Selection) -> bool:
        """Return whether the loaded variant is the selected one, or the next in order that the assistant can load."""
        name = self.variant_of(voice)
        return name is not None and name == loadable_variant(voice, selection)


def read_active_config(workspace: Workspace, voices: Iterable[Voice]) -> ActiveConfig:
    """Read the settings and the configuration that they name."""
    config = None
    try:
        settings = read_settings(workspace)
        config = settings.assistant
        if config is None:
            return ActiveConfig()
        read = AssistantConfig.load(config, settings.assistant_voice_key)
        loaded = loaded_model(read, voices)
        key = read.voice_key if read.is_understood else None
        return ActiveConfig(config, None, loaded, loaded is not None and loaded.path.exists(), key)
    except (TtsdashError, OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links
        return ActiveConfig(config, format_error(error))
