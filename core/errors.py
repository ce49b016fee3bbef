"""Errors that are meant for the user: one line that names the thing and says what to do."""

from core.text import printable


class TtsdashError(Exception):
    """Something did not work; the message is the whole line a user sees."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        # Names of files are quoted in messages: they stay one line, and steer no terminal.
        super().__init__(printable(message))


class BadInput(TtsdashError):
    """What the user gave cannot be used (a file, a name, an option)."""

    exit_code = 2


class NotFound(TtsdashError):
    """An id or a name that nothing in this workspace carries."""


def one_line(error: BaseException, limit: int = 300) -> str:
    """An error's message as one line of at most `limit` characters, its type in front unless it is ours."""
    text = printable(" ".join(str(error).split()))
    if not isinstance(error, TtsdashError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"
