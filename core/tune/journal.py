"""What a search has measured, in a file from which it goes on after its process has ended."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.files import atomic_write, mkdir_private
from core.tune.choice import Choice, Part, read_choice
from core.tune.goal import Figures

# It increases with every change to what the figures mean.
_VERSION = 1


class Journal:
    """The figures of the choices that were measured, those that were judged, and the time that it took.

    It is written after each of them, and read again if it is of the same search.
    """

    def __init__(self, path: Path, search: dict[str, Any], parts: tuple[Part, ...]) -> None:
        """Take what must be the same for the figures to count: the voice, its sentences, the tools."""
        self._path, self._search = path, {"version": _VERSION, **search}
        self.measured: dict[Choice, Figures] = {}
        self.judged: dict[Choice, Figures] = {}
        self.seconds = 0.0
        kept = _read(path)
        if kept.get("search") == self._search:
            self.seconds = kept["seconds"]
            for name, found in (("measured", self.measured), ("judged", self.judged)):
                found |= {read_choice(entry["parts"], parts): Figures(**entry["figures"]) for entry in kept[name]}

    def write(self) -> None:
        """Write the file, complete and flushed."""
        mkdir_private(self._path.parent)
        content = {
            "search": self._search,
            "seconds": self.seconds,
            "measured": _plain(self.measured),
            "judged": _plain(self.judged),
        }
        with atomic_write(self._path) as stream:
            stream.write(json.dumps(content, indent=1).encode())


def _read(path: Path) -> dict[str, Any]:
    """Return the content of a journal; nothing if there is none that can be read."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _plain(found: dict[Choice, Figures]) -> list[dict[str, Any]]:
    return [{"parts": str(choice), "figures": asdict(figures)} for choice, figures in found.items()]
