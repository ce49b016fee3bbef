"""What the assistant of a workspace loads today, and whether that is what was selected."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.assistant.changes import loadable
from core.assistant.config import AssistantConfig
from core.assistant.voice import Loaded, loaded_by
from core.errors import TtsdashError, format_error
from core.records.selections import Selection
from core.records.voices import Voice
from core.settings import read_settings
from core.workspace import Workspace


@dataclass(frozen=True)
class Today:
    """As it was when it was read; what is empty is not known."""

    config: Path | None = None
    """The configuration that the settings name."""
    problem: str | None = None
    """Why it cannot be read, in one line."""
    loaded: Loaded | None = None
    there: bool = False
    """Whether the file that is loaded exists."""

    def names(self, voice: Voice) -> str | None:
        """The variant of that voice that is loaded, if one is."""
        loaded = self.loaded
        return loaded.variant.name if loaded and loaded.variant and loaded.voice == voice.key else None

    def is_as_selected(self, voice: Voice, selection: Selection) -> bool:
        """Whether that is what was selected, or what comes next that today's assistant can load."""
        name = self.names(voice)
        return name is not None and name == loadable(voice, selection)


def read_today(workspace: Workspace, voices: Iterable[Voice]) -> Today:
    """Read the settings and the configuration."""
    config = None
    try:
        config = read_settings(workspace).assistant
        if config is None:
            return Today()
        loaded = loaded_by(AssistantConfig.load(config), voices)
        return Today(config, None, loaded, loaded is not None and loaded.path.exists())
    except (TtsdashError, OSError, RuntimeError) as error:  # also a path that leads in circles
        return Today(config, format_error(error))
