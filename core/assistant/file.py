"""An assistant's file on disk: read, written so that it is at any moment the old one or the new one, and put back."""

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import InvalidInput, NotFound, TtsdashError
from core.files import atomic_write, flush_folder

_LARGEST = 5_000_000
_BACKUP = ".ttsdash-backup"


@dataclass(frozen=True)
class ConfigFile:
    """A file as it was when it was read."""

    path: Path
    """As its user names it."""
    target: Path
    """Where it lies: symbolic links are followed, and stay."""
    content: bytes

    @property
    def text(self) -> str:
        """Raises BadInput."""
        try:
            return self.content.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{self.path} is not UTF-8 (byte {error.start}): save it as UTF-8") from error


@dataclass(frozen=True)
class Backup:
    """What a file held before it was written."""

    path: Path
    content: bytes
    newer: tuple[Path, ...]
    """The backups that were made since."""


def read_file(path: Path) -> ConfigFile:
    """Raises BadInput for what can be no configuration."""
    try:
        path = path.expanduser().absolute()
        str(path).encode()
        target = Path(os.path.realpath(path, strict=True))
        status = target.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InvalidInput(f"{path} is a folder: name the YAML file in it")
        if not stat.S_ISREG(status.st_mode):
            raise InvalidInput(f"{path} is not a regular file: name the assistant's YAML file")
        if status.st_size > _LARGEST:
            raise InvalidInput(f"{path} is larger than {_LARGEST // 1_000_000} MB: not an assistant's configuration")
        return ConfigFile(path, target, target.read_bytes())
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{path} has a name that is not UTF-8: rename it") from error
    except (RuntimeError, ValueError) as error:  # the folder of a user that there is not; a NUL
        raise InvalidInput(f"{path} can be no path: check it") from error
    except FileNotFoundError as error:
        raise InvalidInput(f"{path} does not exist: check the path") from error
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error


def write_file(file: ConfigFile, content: bytes) -> Path:
    """Put the content in the file's place, with its owner and mode. Returns the backup of what was there.

    Raises TtsdashError, and leaves all as it was, if the file is not what was read, or cannot be replaced.
    """
    with _held(file):
        newest = next(iter(_backups(file.target)), None)
        if newest and newest.content == file.content:
            _write(file, file.target, content)
            return newest.path
        backup = _next_backup(file.target)
        _write(file, backup, file.content)
        try:
            _write(file, file.target, content)
        except BaseException:
            backup.unlink()
            raise
    return backup


def newest_backup(file: ConfigFile) -> Backup:
    """The newest one that differs from what the file holds. Raises NotFound.

    One that does not is what a call has left that was killed before it could write the file.
    """
    for backup in _backups(file.target):
        if backup.content != file.content:
            return backup
    raise NotFound(f"{file.path} has no backup that differs from it: there is nothing to undo")


def restore(file: ConfigFile, backup: Backup) -> None:
    """Put a backup's content in the file's place, and remove the backup. Raises TtsdashError as `write_file` does."""
    with _held(file):
        _write(file, file.target, backup.content)
        for path in (*backup.newer, backup.path):
            path.unlink(missing_ok=True)
        flush_folder(file.target.parent)


@contextmanager
def _held(file: ConfigFile) -> Iterator[None]:
    """Keep other calls from writing the file meanwhile."""
    with file.target.open("rb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TtsdashError(f"{file.path} is being written by another program: try again") from error
        _check_unchanged(file)
        if not os.access(file.target, os.W_OK):
            raise InvalidInput(f"{file.path} is read-only for you: see to its permissions")
        yield


def _check_unchanged(file: ConfigFile) -> None:
    try:
        same = Path(os.path.realpath(file.path, strict=True)) == file.target
        same = same and file.target.read_bytes() == file.content
    except OSError:
        same = False
    if not same:
        raise TtsdashError(f"{file.path} was changed meanwhile, and is left as it is now: try again")


def _write(file: ConfigFile, path: Path, content: bytes) -> None:
    """Write the file, or a backup beside it, with the file's owner and mode; call it while the file is locked."""
    with atomic_write(path, path.with_name(f".{path.name}.ttsdash")) as stream:
        _take_owner_and_mode(stream.fileno(), file)
        stream.write(content)
        # Before the check, so that it comes as late as can be.
        stream.flush()
        os.fsync(stream.fileno())
        _check_unchanged(file)


def _take_owner_and_mode(descriptor: int, file: ConfigFile) -> None:
    mine, like = os.fstat(descriptor), file.target.stat()
    if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
        try:
            os.fchown(descriptor, like.st_uid, like.st_gid)
        except OSError as error:
            raise InvalidInput(
                f"{file.path} belongs to user {like.st_uid}, group {like.st_gid}, which cannot be kept: "
                "call this as its owner"
            ) from error
    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))


def _backups(target: Path) -> Iterator[Backup]:
    """The backups of a file, the newest first."""
    newer: list[Path] = []
    for _, path in sorted(_numbered(target).items(), reverse=True):
        if path.is_file():
            yield Backup(path, path.read_bytes(), tuple(newer))
            newer.append(path)


def _next_backup(target: Path) -> Path:
    number = max(_numbered(target), default=0) + 1
    return target.with_name(target.name + _BACKUP + (f"-{number}" if number > 1 else ""))


def _numbered(target: Path) -> dict[int, Path]:
    """What has the name of a backup, by its number."""
    name = re.compile(re.escape(target.name + _BACKUP) + r"(?:-([2-9]|[1-9][0-9]+))?")
    found = ((name.fullmatch(path.name), path) for path in target.parent.iterdir())
    return {int(match[1] or 1): path for match, path in found if match}
