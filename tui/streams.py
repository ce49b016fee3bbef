"""Standard streams that never end a command: any character can be printed, and an error of writing is kept for the end.

A character that a stream's encoding lacks is replaced by a plain one, or by its escape. Python's own streams would raise
UnicodeEncodeError for it, and OSError for a full disk or a reader that has gone, in the middle of what a command does.
"""

import codecs
import io
import os
import sys
from typing import TextIO

_PLAIN = {
    **dict.fromkeys("─–·", "-"),
    **dict.fromkeys("│┼", "|"),
    **dict(zip("▁▂▃▄▅▆▇█", "_.:-=+*#", strict=True)),
    "…": "...",
    "→": "->",
    "←": "<-",
    "±": "+-",
    "×": "x",
    "\N{NO-BREAK SPACE}": " ",
}
_PLAIN_ERRORS = "ttsdash-plain"
# The characters that this process has shown as escapes, without bytes that are not text in any encoding.
_escaped: set[str] = set()


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Replace what cannot be encoded; the error handler of our streams."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    _escaped.update(char for char in text if char not in _PLAIN and not "\ud800" <= char <= "\udfff")
    return "".join(_PLAIN.get(char) or _escape(char) for char in text), error.end


def _escape(char: str) -> str:
    return char.encode("ascii", "backslashreplace").decode()


codecs.register_error(_PLAIN_ERRORS, _replace)


class Output(io.TextIOWrapper):
    """Standard output or standard error. The first error of writing is kept, and what is written after it is dropped."""

    def __init__(self, number: int, encoding: str, by_line: bool) -> None:
        self.failure: OSError | None = None
        """Why something could not be written, None as long as everything could."""
        file = io.FileIO(number, "w", closefd=False)
        super().__init__(
            io.BufferedWriter(file),
            encoding=encoding,
            errors=_PLAIN_ERRORS,
            line_buffering=by_line or file.isatty(),
        )

    def write(self, text: str, /) -> int:
        """Write text; a line is also flushed, if this is standard error or a terminal."""
        try:
            return super().write(text)
        except OSError as error:
            self.drop(error)
            return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        try:
            super().flush()
        except OSError as error:
            self.drop(error)

    def drop(self, error: OSError) -> None:
        """Keep an error, and let the stream lead nowhere, so that what is still in its buffers raises none."""
        self.failure = error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        self.flush()


def open_streams(encoding: str | None = None) -> None:
    """Replace the standard streams by ones that never raise; a closed one by one that leads nowhere."""
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY), encoding="utf-8", closefd=False)
    else:
        sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        # open() returns the lowest free number, which is the closed stream's own.
        number = os.open(os.devnull, os.O_RDWR) if stream is None else stream.fileno()
        made = Output(number, encoding or (stream.encoding if stream else "utf-8"), by_line=name == "stderr")
        setattr(sys, name, made)


def failure_of(stream: TextIO) -> OSError | None:
    """Return why something could not be written to a standard stream, None if everything could."""
    return stream.failure if isinstance(stream, Output) else None


def stop_if_unread(stream: TextIO) -> None:
    """Raise BrokenPipeError if the reader of a standard stream has gone: nobody waits for what comes next."""
    failure = failure_of(stream)
    if isinstance(failure, BrokenPipeError):
        raise failure


def require_output() -> None:
    """Raise the OSError because of which standard output could not be written, if there is one."""
    sys.stdout.flush()
    failure = failure_of(sys.stdout)
    if failure:
        raise failure


def is_unicode(stream: TextIO) -> bool:
    """Return whether a stream can show every character."""
    return codecs.lookup(stream.encoding).name.startswith("utf-")


def printable(text: str, stream: TextIO | None = None) -> str:
    """Return text as it will be shown, in as many columns, on a stream (by default standard output)."""
    encoding = (stream or sys.stdout).encoding
    return text.encode(encoding, _PLAIN_ERRORS).decode(encoding)


def encoding_name(stream: TextIO) -> str:
    """Return the name of a stream's encoding, as people write it."""
    return codecs.lookup(stream.encoding).name.upper()


def note_on_escapes(error: str) -> str:
    """Return how to see the characters that this process shows as escapes, also in an error; empty if there are none.

    With an escape in a name, a command that is pasted into a shell would not find it.
    """
    printable(error, sys.stderr)
    if not _escaped:
        return ""
    unset = "unset PYTHONIOENCODING; " if "PYTHONIOENCODING" in os.environ else ""
    locale = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    return (
        f"{encoding_name(sys.stderr)} lacks what is shown as an escape: before pasting a command that has one, run "
        f"`{unset}export LC_ALL={locale}` and this command again"
    )


def write_line(text: str, stream: TextIO | None = None) -> None:
    """Write a line to a stream (by default standard output), at once. Styles are kept in a terminal that shows them."""
    import click

    from tui.terminal import is_screen

    stream = stream or sys.stdout
    stream.write((text if is_screen(stream) else click.unstyle(text)) + "\n")
    stream.flush()


def write_bytes(data: bytes) -> None:
    """Write bytes, such as a file in UTF-8, to standard output."""
    try:
        sys.stdout.buffer.write(data)
    except OSError as error:
        if not isinstance(sys.stdout, Output):
            raise
        sys.stdout.drop(error)
