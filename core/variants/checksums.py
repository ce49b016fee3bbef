"""The checksum of a variant: the SHA-256 of its file, or of the manifest of checksums in its folder."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.errors import TtsdashError
from core.files import PRIVATE_FILE, sha256_of
from core.voices.file import config_path_of

_MANIFEST = "manifest.json"


class Damaged(TtsdashError):
    """The path is not a regular file, or a folder that does not match its manifest."""


class Problem(StrEnum):
    """Why a variant on disk cannot be used."""

    CHANGED = "changed"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class IntegrityProblem:
    """Why a variant on disk cannot be used, with a line that names the file."""

    kind: Problem
    text: str


def checksum_of(path: Path) -> str:
    """Return the checksum of a variant on disk, after checking each file of a folder against the manifest.

    Raises OSError if it cannot be read, and Damaged.
    """
    if not path.is_dir():
        if path.exists() and not path.is_file():
            raise Damaged(f"{path} is not a regular file")
        return sha256_of(path)
    manifest = path / _MANIFEST
    try:
        checksums: dict[str, str] = json.loads(manifest.read_bytes())["files"]
        entries = sorted(checksums.items())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{manifest} is not a manifest of checksums") from error
    for name, checksum in entries:
        if sha256_of(path / name) != checksum:
            raise Damaged(f"{path / name} is not the file that was made")
    return sha256_of(manifest)


def integrity_error(path: Path, sha256: str, config: dict[str, Any] | None = None) -> str | None:
    """Return in words what `find_problem` finds."""
    problem = find_problem(path, sha256, config)
    return problem.text if problem else None


def find_problem(path: Path, sha256: str, config: dict[str, Any] | None = None) -> IntegrityProblem | None:
    """Return why a variant on disk cannot be used; None if it can.

    With `config` the `.onnx.json` next to a single file must have this content; the manifest of a folder lists its own.
    """
    try:
        same = checksum_of(path) == sha256
        if same and not path.is_dir():
            return _config_problem(config_path_of(path), config)
    except FileNotFoundError as error:
        return IntegrityProblem(Problem.MISSING, f"missing: {error.filename or path}")
    except OSError as error:
        return IntegrityProblem(Problem.UNREADABLE, f"cannot be read: {error.filename or path} ({error.strerror})")
    except Damaged as error:
        return _changed(str(error))
    return None if same else _changed(f"{path} is not the file that was made")


def _changed(text: str) -> IntegrityProblem:
    return IntegrityProblem(Problem.CHANGED, f"checksum differs: {text}")


def _config_problem(path: Path, config: dict[str, Any] | None) -> IntegrityProblem | None:
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return _changed(f"{path} is not JSON")
    return None if config in (None, found) else _changed(f"{path} is not what was made")


def size_of(path: Path) -> int:
    """Return the size of a file, or of a folder's manifest and all files that it lists, in bytes."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(file.stat().st_size for file in (path / _MANIFEST, *_files(path)))


def write_manifest(folder: Path) -> None:
    """Write the checksums of all files in a folder, except hidden files and those in hidden folders."""
    checksums = {file.relative_to(folder).as_posix(): sha256_of(file) for file in _files(folder)}
    manifest = folder / _MANIFEST
    manifest.write_text(json.dumps({"format": 1, "files": checksums}, indent=2), encoding="utf-8")
    manifest.chmod(PRIVATE_FILE)


def _files(folder: Path) -> list[Path]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file != folder / _MANIFEST)
    return [file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts)]
