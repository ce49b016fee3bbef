"""Completes paths while they are typed."""

import asyncio
from pathlib import Path

from textual.suggester import Suggester


def typed_path(text: str) -> Path:
    """With `~` written out, where there is such a user."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


class PathSuggester(Suggester):
    """With the first folder, or file with that ending, that starts like what is typed."""

    def __init__(self, ending: str = "") -> None:
        super().__init__(case_sensitive=True)
        self._ending = ending

    async def get_suggestion(self, value: str) -> str | None:
        return await asyncio.to_thread(_complete, value, self._ending)


def _complete(value: str, ending: str) -> str | None:
    typed = typed_path(value)
    folder, start = (typed, "") if value.endswith("/") else (typed.parent, typed.name)
    try:
        names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in folder.iterdir())
    except OSError:
        return None
    for name in names:
        if name.startswith(start) and name != start and name.endswith(("/", ending)) and not name.startswith("."):
            return value + name[len(start) :]
    return None
