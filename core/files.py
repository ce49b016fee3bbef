"""Files that must survive a power cut and must not be read by others."""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_private_folder(path: Path) -> None:
    """Make the folder, and those above it, readable by the owner only; the mode of one that is there stays."""
    if not path.is_dir():
        make_private_folder(path.parent)
        path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def create_private(path: Path) -> None:
    """Make an empty file that only the owner can read; one that is there stays as it is, and is not even opened.

    That matters for data bases: closing any descriptor of a file drops the locks that SQLite holds on it through others.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE))


def flush_file(path: Path) -> None:
    """Have the file's content on the disk before this returns."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def flush_folder(path: Path) -> None:
    """Have the folder's entries (a rename in it, say) on the disk before this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_whole(source: Path, target: Path) -> None:
    """Copy so that `target` is, at any moment, absent, what it was, or the whole copy."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        shutil.copyfile(source, partial)
        flush_file(partial)
        partial.replace(target)
        flush_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)
