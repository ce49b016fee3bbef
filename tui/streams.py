"""Standard streams that never end a command: any character can be printed, and an error of writing is kept for the end.

A character that a stream's encoding lacks is replaced by a plain one, or by its escape. Python's own streams would raise
UnicodeEncodeError for it, and OSError for a full disk or a reader that has gone, in the middle of what a command does.
"""

import codecs
import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

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


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Replace what cannot be encoded; the error handler of our streams."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_PLAIN.get(char) or _escape(char) for char in text), error.end


def _escape(char: str) -> str:
    return char.encode("ascii", "backslashreplace").decode()


codecs.register_error(_PLAIN_ERRORS, _replace)


class _Descriptor(io.RawIOBase):
    """A file descriptor to write to. The first error is kept, and what is written after it is dropped."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.failure: OSError | None = None

    def write(self, data: "ReadableBuffer", /) -> int:
        if self.failure is None:
            try:
                return self._write(data)
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes

    def _write(self, data: "ReadableBuffer") -> int:
        while True:
            try:
                return os.write(self._number, data)
            except BlockingIOError:  # a descriptor that another program has set to be non-blocking
                select.select([], [self._number], [])

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)


class Output(io.TextIOWrapper):
    """Standard output or standard error."""

    def __init__(self, number: int, encoding: str, by_line: bool) -> None:
        self._descriptor = _Descriptor(number)
        super().__init__(
            io.BufferedWriter(self._descriptor),
            encoding=encoding,
            errors=_PLAIN_ERRORS,
            line_buffering=by_line or self._descriptor.isatty(),
        )

    @property
    def failure(self) -> OSError | None:
        """Return why something could not be written, None as long as everything could."""
        return self._descriptor.failure


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


def write_line(text: str, stream: TextIO | None = None) -> None:
    """Write a line to a stream (by default standard output), at once. Styles are kept in a terminal that shows them."""
    import click

    from tui.terminal import is_screen

    stream = stream or sys.stdout
    stream.write((text if is_screen(stream) else click.unstyle(text)) + "\n")
    stream.flush()
