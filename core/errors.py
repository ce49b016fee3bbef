"""Errors for the user: one line that names the thing and the fix."""

import errno
import os
import re
import sqlite3

from core.text import escape_control

_FIXES = {
    errno.ENOSPC: ": free some disk space, then try again",
    errno.EROFS: ": choose a folder that can be written to",
    errno.EACCES: ": check its permissions",
}


_ORT_PREFIX = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from .*? failed: ?)?")


class TtsdashError(Exception):
    """A failure whose message is the one line that a user sees."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        # Messages quote file names, which must not add lines or control a terminal.
        super().__init__(escape_control(message))


class InvalidInput(TtsdashError):
    """Input of the user that cannot be used: a file, a name, an option."""

    exit_code = 2


class StoreLocked(TtsdashError, sqlite3.OperationalError):
    """The database stayed locked by another connection for as long as we wait for one."""


class NotFound(TtsdashError):
    """An id or a name that is unknown in this workspace."""


def reason_of(error: BaseException) -> str:
    """Return an error's message as one line, without the parts that only help a library's authors."""
    text = escape_control(" ".join(str(error).split()))
    if isinstance(error, TtsdashError):
        return text
    if _ORT_PREFIX.match(text):
        return f"ONNX Runtime: {_ORT_PREFIX.sub('', text)}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether an error, or one that it came from, is that a disk is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return True
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def format_error(error: BaseException, limit: int = 300) -> str:
    """Return an error as one line of at most `limit` characters, with a fix where one is known."""
    text = escape_control(" ".join(str(error).split()))
    if isinstance(error, FileNotFoundError) and not error.filename and not _has_working_directory():
        text = "the working directory was removed: change to another folder"
    elif isinstance(error, OSError) and error.strerror:
        where = f" ({escape_control(str(error.filename))})" if error.filename else ""
        text = f"{error.strerror}{where}{_FIXES.get(error.errno or 0, '')}"
    elif isinstance(error, TtsdashError):
        text = reason_of(error)
    elif isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        text = f"the database cannot be used ({text}): run `ttsdash doctor`"
    elif isinstance(error, sqlite3.Error):
        text = f"the database cannot be used ({text}): check disk space and permissions, then try again"
    else:
        text = reason_of(error)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _has_working_directory() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd does the same
    except FileNotFoundError:
        return False
    return True
