"""The user of this process and the owners of folders: home folders that are unknown, and root in somebody else's folder."""

import os
import pwd
from pathlib import Path

from core.errors import InvalidInput


def user_name(uid: int | None = None) -> str:
    """Return the name of a user, by default that of this process, or the uid if the system has no name for it."""
    uid = os.getuid() if uid is None else uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def owner_of(path: Path) -> str:
    """Return who owns a file or a folder, for messages: `ana`, or `uid 1000` for a uid without an account."""
    uid = path.stat().st_uid
    name = user_name(uid)
    return f"uid {uid}" if name == str(uid) else name


def home_folder() -> Path | None:
    """Return the user's home folder: $HOME, else that of the account. None if there is neither.

    A relative $HOME is ignored: it would be another folder in each working directory.
    """
    named = Path(os.environ.get("HOME", ""))
    if named.is_absolute():
        return named
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None


def why_no_home() -> str:
    """Return why the home folder is unknown."""
    named = os.environ.get("HOME")
    state = "not set" if named is None else "empty" if not named else "not an absolute path"
    return f"HOME is {state}, and uid {os.getuid()} has no account"


def expand_home(path: Path) -> Path:
    """Return a path with `~` and `~user` expanded. Raises InvalidInput if that home folder is unknown."""
    first = path.parts[0] if path.parts else ""
    if not first.startswith("~"):
        return path
    if first == "~":
        home = home_folder()
        if home is None:
            raise InvalidInput(f"{path}: your home folder is unknown ({why_no_home()}): write an absolute path")
        return home.joinpath(*path.parts[1:])
    try:
        return path.expanduser()
    except RuntimeError:
        raise InvalidInput(f"{path}: there is no user {first[1:]!r}: write an absolute path, or ./{path}") from None


def why_closed(path: Path) -> str | None:
    """Return which folder on the way to a path this user may not enter, and whose it is; None if all are open."""
    folder = closed_folder(path)
    return f"{folder} belongs to {owner_of(folder)}, and you may not enter it" if folder else None


def closed_folder(path: Path) -> Path | None:
    """Return the first folder on the way to a path that this user may not enter."""
    for folder in reversed(path.absolute().parents):
        if not os.access(folder, os.X_OK):
            return folder if folder.is_dir() else None
    return None


def refuse_foreign_folder(folder: Path) -> None:
    """Refuse to let root work in another user's folder: that user could neither enter nor read what root makes there.

    Raises InvalidInput, which names the owner.
    """
    if os.geteuid() != 0 or folder.stat().st_uid == 0:
        return
    owner = owner_of(folder)
    raise InvalidInput(
        f"{folder} belongs to {owner}, who could not use what root makes in it: run ttsdash as {owner}, or use --home DIR"
    )


def give_to_owner_of(folder: Path, descriptor: int) -> None:
    """Give a file that root has made in another user's folder to that user."""
    status = folder.stat()
    if os.geteuid() == 0 and status.st_uid != 0:
        os.fchown(descriptor, status.st_uid, status.st_gid)
