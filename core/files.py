"""Files that survive a power cut and that only their owner can read."""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from core.users import give_to_owner_of, refuse_foreign_folder

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_REPLACED, _ABSENT = ".replaced", ".absent"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def mkdir_private(path: Path) -> None:
    """Create a folder and its missing parents, readable by the owner only. An existing folder keeps its mode.

    Raises InvalidInput if this is root and the folder would be in another user's.
    """
    if not path.is_dir():
        mkdir_private(path.parent)
        refuse_foreign_folder(path.parent)
        path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def create_private(path: Path) -> bool:
    """Create an empty file that only the owner can read; return whether it is new. An existing file is not even opened.

    That matters for databases: closing any descriptor of a file drops the locks that SQLite holds on it through others.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE))
    except FileExistsError:
        return False
    return True


def flush_file(path: Path) -> None:
    """Flush a file's content to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def flush_folder(path: Path) -> None:
    """Flush a folder's entries, such as a rename in it, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_tree(path: Path) -> None:
    """Flush a file, or a folder with everything in it, to the disk."""
    if not path.is_dir():
        flush_file(path)
        return
    for entry in path.iterdir():
        if not entry.is_symlink():
            flush_tree(entry)
    flush_folder(path)


def space_shortage(folder: Path, needed: float) -> str | None:
    """Return that the disk of a folder has less free space than the needed bytes; None if it has enough."""
    free = shutil.disk_usage(folder).free
    if free >= needed:
        return None
    return f"the disk is nearly full: {free / 1e6:.0f} MB free in {folder}, {needed / 1e6:.0f} MB needed"


@contextlib.contextmanager
def naming_full_disk(folder: Path) -> Iterator[None]:
    """Let an error that the disk is full name a folder, if it names no file."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:
            raise OSError(error.errno, error.strerror, str(folder)) from error
        raise


@contextlib.contextmanager
def draft_of(path: Path, draft: Path | None = None) -> Iterator[Path]:
    """Yield a path for a file or a folder that is renamed to `path` when the block ends, complete and flushed.

    If the block raises, nothing has changed. A file replaces an existing one; a folder needs the name to be free. `draft`
    must be a name that no other process uses: what a killed process left there is replaced.
    """
    draft = draft or path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        remove_path(draft)
        yield draft
        flush_tree(draft)
        draft.rename(path)
        flush_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            remove_path(draft)


@contextlib.contextmanager
def atomic_write(path: Path, draft: Path | None = None) -> Iterator[BinaryIO]:
    """Yield a stream whose content replaces the file when the block ends. If the block raises, nothing has changed.

    The file is readable by its owner only, unless the block sets another mode; what root writes in another user's folder
    is that user's. A symbolic link is replaced, not followed.
    """
    with draft_of(path, draft) as place:
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as stream:
            give_to_owner_of(place.parent, descriptor)
            yield stream


def replace_text(path: Path, pieces: Iterable[str]) -> None:
    """Write text atomically. A symbolic link to the file and the mode of an existing file are kept."""
    target = Path(os.path.realpath(path))
    with atomic_write(target) as stream:
        if target.exists():
            os.fchmod(stream.fileno(), target.stat().st_mode & 0o777)
        for piece in pieces:
            stream.write(piece.encode())


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file so that `target` is, at any moment, absent, unchanged, or the complete copy."""
    with draft_of(target) as draft:
        shutil.copyfile(source, draft)


def remove_path(path: Path) -> None:
    """Remove a file, a folder with its content, or a link, but not the link's target."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class Replacement:
    """Drafts, files or folders, that are renamed together to their final names, and can be rolled back until committed.

    The previous owner of a name is kept beside the draft as `DRAFT.replaced`; an empty `DRAFT.absent` records that there
    was none. Another process can thus roll back, or settle, what a process that was killed at any moment had begun.
    """

    def __init__(self, names: dict[Path, Path]) -> None:
        """Take the final name of each draft, in the order of the renames. All are in one folder."""
        self.names = names
        self._folder = next(iter(names)).parent

    def publish(self) -> None:
        """Rename the drafts to their final names and flush that, keeping what a rollback needs.

        What a process that was killed meanwhile had begun is completed.
        """
        for draft, final in self.names.items():
            if not os.path.lexists(draft) and any(map(os.path.lexists, _backups(draft))):
                continue
            _back_up(draft, final)
            draft.rename(final)
        flush_folder(self._folder)

    def discard(self) -> None:
        """Restore what had the names before, and remove the drafts. Repeating it is harmless."""
        for draft, final in self.names.items():
            _restore(draft, final)
        self.settle()

    def settle(self) -> None:
        """Remove what was kept for a rollback, and drafts that were not renamed."""
        for draft in self.names:
            for path in (draft, *_backups(draft)):
                remove_path(path)
        flush_folder(self._folder)


def drafts_among(paths: Iterable[Path]) -> list[Path]:
    """Return the drafts among the paths, and those that backups among them belong to."""
    return sorted({path.with_name(path.name.removesuffix(_REPLACED).removesuffix(_ABSENT)) for path in paths})


def _backups(draft: Path) -> tuple[Path, Path]:
    """Return where the previous owner of the draft's final name is kept, and where it is recorded that there was none."""
    return draft.with_name(draft.name + _REPLACED), draft.with_name(draft.name + _ABSENT)


def _back_up(draft: Path, final: Path) -> None:
    replaced, absent = _backups(draft)
    try:
        if draft.is_dir():
            final.rename(replaced)
        else:
            _link_or_rename(final, replaced)
    except FileNotFoundError:
        create_private(absent)


def _link_or_rename(path: Path, other: Path) -> None:
    """Keep the file under both names, so that its name is never missing; rename it where links are not supported."""
    try:
        os.link(path, other, follow_symlinks=False)
    except OSError:
        path.rename(other)


def _restore(draft: Path, final: Path) -> None:
    replaced, absent = _backups(draft)
    if os.path.lexists(replaced):
        # A folder cannot replace another.
        if replaced.is_dir() or final.is_dir():
            remove_path(final)
        # Does nothing if both are links to one file: then the name was not replaced yet.
        replaced.replace(final)
    elif absent.exists():
        remove_path(final)
