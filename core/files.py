"""Files that must survive a power cut and must not be read by others."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_REPLACED, _ABSENT = ".replaced", ".absent"


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def mkdir_private(path: Path) -> None:
    """Make the folder, and those above it, readable by the owner only; the mode of one that is there stays."""
    if not path.is_dir():
        mkdir_private(path.parent)
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


def flush_tree(path: Path) -> None:
    """Flush a file, or a folder with all that is in it, to the disk."""
    if not path.is_dir():
        flush_file(path)
        return
    for entry in path.iterdir():
        if not entry.is_symlink():
            flush_tree(entry)
    flush_folder(path)


@contextlib.contextmanager
def draft_of(path: Path, draft: Path | None = None) -> Iterator[Path]:
    """Yield where to make a file or a folder; when the block ends it takes the name `path`, complete and on the disk.

    When the block raises, nothing has changed. A file replaces what had the name, a folder needs the name free. `draft`
    is a name that no other process uses, so that what a killed process has left there is replaced.
    """
    draft = draft or path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        _remove(draft)
        yield draft
        flush_tree(draft)
        draft.rename(path)
        flush_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            _remove(draft)


@contextlib.contextmanager
def atomic_write(path: Path, draft: Path | None = None) -> Iterator[BinaryIO]:
    """Yield a stream whose content takes the place of the file when the block ends; when it raises, nothing has changed.

    The file is readable by its owner only, unless the block sets another mode. A symbolic link is replaced, not followed.
    """
    with draft_of(path, draft) as place:
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream


def replace_text(path: Path, pieces: Iterable[str]) -> None:
    """Write text by `atomic_write`; a symbolic link to the file stays, and so does the mode of a file that exists."""
    target = Path(os.path.realpath(path))
    with atomic_write(target) as stream:
        if target.exists():
            os.fchmod(stream.fileno(), target.stat().st_mode & 0o777)
        for piece in pieces:
            stream.write(piece.encode())


def copy_whole(source: Path, target: Path) -> None:
    """Copy so that `target` is, at any moment, absent, what it was, or the whole copy."""
    with draft_of(target) as draft:
        shutil.copyfile(source, draft)


def _remove(path: Path) -> None:
    """Remove a file, a folder with what is in it, or a link; what it leads to stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class Replacement:
    """Drafts, files or folders, that take their names together, and can give them back until that is settled.

    What had a name before lies hidden beside the draft as `DRAFT.replaced`, an empty `DRAFT.absent` says that nothing had
    it: so a process that finds them can undo what another one, killed at any moment, began; or settle it.
    """

    def __init__(self, names: dict[Path, Path]) -> None:
        """`names` are the drafts' later ones, in the order in which they are taken; all lie in one folder."""
        self._names = names
        self._folder = next(iter(names)).parent

    def publish(self) -> None:
        """Have the drafts take their names, on the disk, too, with what undoes it."""
        for draft, final in self._names.items():
            _keep(draft, final)
            draft.rename(final)
        flush_folder(self._folder)

    def discard(self) -> None:
        """Give the names back to what had them, and remove the drafts; also where that has been begun, or done, before."""
        for draft, final in self._names.items():
            _give_back(draft, final)
        self.settle()

    def settle(self) -> None:
        """Remove what was kept to undo it, and a draft that took no name."""
        for draft in self._names:
            for left in (draft, *_kept(draft)):
                _remove(left)
        flush_folder(self._folder)


def drafts_among(paths: Iterable[Path]) -> list[Path]:
    """The drafts that the paths are, or that what lies there was kept for."""
    return sorted({path.with_name(path.name.removesuffix(_REPLACED).removesuffix(_ABSENT)) for path in paths})


def _kept(draft: Path) -> tuple[Path, Path]:
    """Where lies what had the draft's later name, or what says that nothing had it."""
    return draft.with_name(draft.name + _REPLACED), draft.with_name(draft.name + _ABSENT)


def _keep(draft: Path, final: Path) -> None:
    replaced, absent = _kept(draft)
    try:
        if draft.is_dir():
            final.rename(replaced)
        else:
            _link_or_rename(final, replaced)
    except FileNotFoundError:
        create_private(absent)


def _link_or_rename(path: Path, other: Path) -> None:
    """By a second link the first name never stands empty; not all has or may have one."""
    try:
        os.link(path, other, follow_symlinks=False)
    except OSError:
        path.rename(other)


def _give_back(draft: Path, final: Path) -> None:
    replaced, absent = _kept(draft)
    if os.path.lexists(replaced):
        # A folder takes no other's place.
        if replaced.is_dir() or final.is_dir():
            _remove(final)
        # Of two links to one file this removes none: the name had not been taken yet.
        replaced.replace(final)
    elif absent.exists():
        _remove(final)
