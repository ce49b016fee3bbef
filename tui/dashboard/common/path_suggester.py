"""Completion of paths."""

import asyncio
from pathlib import Path

from textual.suggester import Suggester

from core.errors import InvalidInput
from core.users import expand_home


def typed_path(text: str) -> Path:
    """Return a path with `~` expanded, unless that home folder is unknown."""
    try:
        return expand_home(Path(text))
    except InvalidInput:
        return Path(text)


class PathSuggester(Suggester):
    """Suggests the first folder, or file with the given extension, that starts with the typed text."""

    def __init__(self, extension: str = "") -> None:
        super().__init__(case_sensitive=True)
        self._extension = extension

    async def get_suggestion(self, value: str) -> str | None:
        """Return the completed path, or None."""
        return await asyncio.to_thread(_complete, value, self._extension)


def _complete(value: str, extension: str) -> str | None:
    typed = typed_path(value)
    folder, start = (typed, "") if value.endswith("/") else (typed.parent, typed.name)
    try:
        names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in folder.iterdir())
    except OSError:
        return None
    for name in names:
        if name.startswith(start) and name != start and name.endswith(("/", extension)) and not name.startswith("."):
            return value + name[len(start) :]
    return None
