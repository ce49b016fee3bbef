"""Exports in any format, as text or to a file."""

import os
import re
import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from core.errors import InvalidInput, TtsdashError
from core.export.history import json_lines, json_object
from core.export.table import csv_rows, markdown_rows
from core.files import replace_text
from core.users import expand_home

Format = Callable[[sqlite3.Connection, str | None], Iterator[str]]


def _report(db: sqlite3.Connection, voice_id: str | None) -> Iterator[str]:
    from core.export.html_report import html_report

    return html_report(db, voice_id)


FORMATS: dict[str, Format] = {
    "csv": csv_rows,
    "json": json_object,
    "jsonl": json_lines,
    "md": markdown_rows,
    "html": _report,
}
"""Suffix of a file -> its format."""
_JSON = rb'\s*\{\s*"program"\s*:\s*"ttsdash"'
_BEGINS = {
    ".csv": rb"created_at,id,benchmark_id,",
    ".json": _JSON,
    ".jsonl": _JSON,
    ".md": rb"\| created_at \| id \|",
    ".html": rb'(?s).*<meta name="generator" content="ttsdash',
}
"""Suffix of a file -> how an export of that format starts."""
_CHECKED_BYTES = 2000


def export(db: sqlite3.Connection, name: str, voice_id: str | None = None) -> Generator[str, None, None]:
    """Yield the history of one voice or of all as a snapshot, unaffected by what is stored meanwhile."""
    db.execute("BEGIN")
    try:
        yield from FORMATS[name](db, voice_id)
    finally:
        db.rollback()


def write_file(path: Path, pieces: Iterable[str]) -> None:
    """Write a file atomically.

    Raises InvalidInput if the file exists and is not an export, TtsdashError if it cannot be written.
    """
    target = check_target(path)
    try:
        replace_text(target, pieces)
    except OSError as error:
        raise TtsdashError(f"cannot write {path} ({error.strerror}): choose another place") from error


def _is_export(file: Path) -> bool:
    """Return whether a file has the suffix and the start of an export."""
    begins = _BEGINS.get(file.suffix)
    with suppress(OSError), file.open("rb") as stream:
        return begins is not None and re.match(begins, stream.read(_CHECKED_BYTES)) is not None
    return False


def check_target(path: Path) -> Path:
    """Return the real path of a file that an export may be written to. Raises InvalidInput if it may not."""
    target = Path(os.path.realpath(expand_home(path)))
    if target.is_dir():
        raise InvalidInput(f"{path} is a folder: name a file in it")
    if not target.parent.is_dir():
        raise InvalidInput(f"folder not found: {path.parent} (create it first)")
    if not target.exists():
        return target
    if not target.is_file():
        raise InvalidInput(
            f"{path} is not a regular file: choose another place, or redirect the output of `ttsdash results export`"
        )
    if target.stat().st_size and not _is_export(target):
        raise InvalidInput(f"{path} exists and is not an export of ttsdash: choose another file")
    if not os.access(target, os.W_OK):
        raise InvalidInput(f"{path} is read-only: change its permissions or choose another file")
    return target
