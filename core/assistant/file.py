"""An assistant's configuration file on disk: read it, replace it atomically with a backup, and restore a backup."""

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
from core.users import expand_home

_LARGEST = 5_000_000
_BACKUP = ".ttsdash-backup"


@dataclass(frozen=True)
class ConfigFile:
    """A file at the time when it was read."""

    path: Path
    """As the user named it."""
    target: Path
    """The file itself: symbolic links are followed and kept."""
    content: bytes

    @property
    def text(self) -> str:
        """Return the content as text. Raises InvalidInput if it is not UTF-8."""
        try:
            return self.content.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{self.path} is not UTF-8 (byte {error.start}): save it as UTF-8") from error


@dataclass(frozen=True)
class Backup:
    """The content of a file before it was written."""

    path: Path
    content: bytes
    newer: tuple[Path, ...]
    """The backups that were made after this one."""


def read_file(path: Path) -> ConfigFile:
    """Read a configuration file. Raises InvalidInput for a path that cannot be one, or that cannot be read."""
    try:
        path = expand_home(path).absolute()
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
    except (RuntimeError, ValueError) as error:  # a loop of links; a NUL character
        raise InvalidInput(f"{path} is not a valid path: check it") from error
    except FileNotFoundError as error:
        raise InvalidInput(f"{path} does not exist: check the path") from error
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error


def write_file(file: ConfigFile, content: bytes) -> Path:
    """Replace the file's content, keeping its owner and mode, and return the path of the backup.

    Raises TtsdashError, and changes nothing, if the file has changed since it was read or cannot be replaced.
    """
    with _locked(file):
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
    """Return the newest backup that differs from the file. Raises NotFound.

    One that does not differ was left by a process that was killed before it wrote the file.
    """
    for backup in _backups(file.target):
        if backup.content != file.content:
            return backup
    raise NotFound(f"no backup of {file.path} differs from it: there is nothing to undo")


def restore(file: ConfigFile, backup: Backup) -> None:
    """Replace the file's content with a backup's, and remove the backup. Raises TtsdashError as `write_file` does."""
    with _locked(file):
        _write(file, file.target, backup.content)
        for path in (*backup.newer, backup.path):
            path.unlink(missing_ok=True)
        flush_folder(file.target.parent)


@contextmanager
def _locked(file: ConfigFile) -> Iterator[None]:
    """Keep other ttsdash processes from writing the file, and check that it can be written."""
    with file.target.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TtsdashError(f"{file.path} is locked by another process: try again") from error
        _check_unchanged(file)
        if not os.access(file.target, os.W_OK):
            raise InvalidInput(f"{file.path} is not writable for you: change its permissions")
        yield


def _check_unchanged(file: ConfigFile) -> None:
    try:
        same = Path(os.path.realpath(file.path, strict=True)) == file.target
        same = same and file.target.read_bytes() == file.content
    except OSError:
        same = False
    if not same:
        raise TtsdashError(f"{file.path} has changed since it was read and was not written: try again")


def _write(file: ConfigFile, path: Path, content: bytes) -> None:
    """Write the file, or a backup next to it, with the file's owner and mode. Call it while the file is locked."""
    with atomic_write(path, path.with_name(f".{path.name}.ttsdash")) as stream:
        _copy_owner_and_mode(stream.fileno(), file)
        stream.write(content)
        # Flushed first, so that the check comes as late as possible.
        stream.flush()
        os.fsync(stream.fileno())
        _check_unchanged(file)


def _copy_owner_and_mode(descriptor: int, file: ConfigFile) -> None:
    mine, like = os.fstat(descriptor), file.target.stat()
    if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
        try:
            os.fchown(descriptor, like.st_uid, like.st_gid)
        except OSError as error:
            raise InvalidInput(
                f"{file.path} belongs to user {like.st_uid}, group {like.st_gid}, which cannot be preserved: "
                "run this command as its owner"
            ) from error
    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))


def _backups(target: Path) -> Iterator[Backup]:
    """Yield the backups of a file, newest first."""
    newer: list[Path] = []
    for _, path in sorted(_numbered(target).items(), reverse=True):
        if path.is_file():
            yield Backup(path, path.read_bytes(), tuple(newer))
            newer.append(path)


def _next_backup(target: Path) -> Path:
    number = max(_numbered(target), default=0) + 1
    return target.with_name(target.name + _BACKUP + (f"-{number}" if number > 1 else ""))


def _numbered(target: Path) -> dict[int, Path]:
    """Return the paths that are named like a backup, by number."""
    name = re.compile(re.escape(target.name + _BACKUP) + r"(?:-([2-9]|[1-9][0-9]+))?")
    found = ((name.fullmatch(path.name), path) for path in target.parent.iterdir())
    return {int(match[1] or 1): path for match, path in found if match}
