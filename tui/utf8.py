"""File names are UTF-8 in any locale: the store has their text, which every process must turn into the same bytes.

Under another locale, Python decodes names in its encoding: a voice that is added there would not be found by the worker.
"""

import os
import sys

_STREAMS = "ttsdash_streams"
"""The option `-X` that passes the encoding of the standard streams on to Python's UTF-8 mode."""


def run_in_utf8_mode() -> None:
    """Start this program again in Python's UTF-8 mode, in the same process, unless its file names are UTF-8 already."""
    if sys.getfilesystemencoding() == "utf-8" or not sys.executable:
        return
    streams = (sys.stdout, sys.stderr, sys.stdin)
    encoding = next((stream.encoding for stream in streams if stream is not None), "utf-8")
    options = ["-X", "utf8", "-X", f"{_STREAMS}={encoding}"]
    os.execv(sys.executable, [sys.executable, *options, *sys.orig_argv[1:]])  # noqa: S606 - the same program again


def stream_encoding() -> str | None:
    """Return the encoding of the standard streams if it is not what Python has given them."""
    return sys._xoptions.get(_STREAMS)


def read_arguments(arguments: list[str]) -> list[str]:
    """Return the arguments of a command; those that are not UTF-8 are decoded as the terminal has encoded them.

    The name of an existing file stays as it is.
    """
    encoding = stream_encoding()
    return arguments if encoding is None else [_decode(argument, encoding) for argument in arguments]


def _decode(argument: str, encoding: str) -> str:
    raw = os.fsencode(argument)
    try:
        raw.decode()
    except UnicodeDecodeError:
        return argument if os.path.lexists(raw) else raw.decode(encoding, "surrogateescape")
    return argument
