"""Show what an edit changes as a unified diff."""

import difflib
from collections.abc import Iterator

_NO_NEWLINE = "\\ No newline at end of file"


def unified_diff(old: str, new: str, name: str) -> list[str]:
    """Return the diff in lines without their line breaks, LF or CR LF."""
    return list(_lines(old, new, name))


def _lines(old: str, new: str, name: str) -> Iterator[str]:
    for line in difflib.unified_diff(_split(old), _split(new), name, name):
        ended = line.endswith("\n")
        yield line.removesuffix("\n").removesuffix("\r")
        if not ended:
            yield _NO_NEWLINE


def _split(text: str) -> list[str]:
    """Split at line feeds only: `str.splitlines` also splits at characters that are part of a line here."""
    *lines, rest = text.split("\n")
    return [*(f"{line}\n" for line in lines), *([rest] if rest else [])]
