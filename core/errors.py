"""Errors that are meant for the user: one line that names the thing and says what to do."""

import errno
import re
import sqlite3

from core.text import escape_control

_MENDS = {
    errno.ENOSPC: ": free some disk space, then try again",
    errno.EROFS: ": choose a folder that can be written to",
    errno.EACCES: ": see to its permissions",
}


_ORT_SAYS = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from .*? failed: ?)?")


class TtsdashError(Exception):
    """Something did not work; the message is the whole line a user sees."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        # Names of files are quoted in messages: they stay one line, and steer no terminal.
        super().__init__(escape_control(message))


class InvalidInput(TtsdashError):
    """What the user gave cannot be used (a file, a name, an option)."""

    exit_code = 2


class NotFound(TtsdashError):
    """An id or a name that nothing in this workspace carries."""


def reason_of(error: BaseException) -> str:
    """What an error says, in one line, without what is for a library's authors only."""
    text = escape_control(" ".join(str(error).split()))
    if isinstance(error, TtsdashError):
        return text
    if _ORT_SAYS.match(text):
        return f"ONNX Runtime: {_ORT_SAYS.sub('', text)}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def format_error(error: BaseException, limit: int = 300) -> str:
    """An error as one line of at most `limit` characters: what it says, and the mend where one is known."""
    text = escape_control(" ".join(str(error).split()))
    if isinstance(error, OSError) and error.strerror:
        where = f" ({escape_control(str(error.filename))})" if error.filename else ""
        text = f"{error.strerror}{where}{_MENDS.get(error.errno or 0, '')}"
    elif isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        text = f"the data base cannot be used ({text}): `ttsdash doctor` tells more"
    elif isinstance(error, sqlite3.Error):
        text = f"the data base cannot be used ({text}): see to free disk space and permissions, then try again"
    else:
        text = reason_of(error)
    return text if len(text) <= limit else text[: limit - 1] + "…"
