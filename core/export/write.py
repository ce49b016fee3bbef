"""An export in any of its formats, into a file or wherever text goes."""

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
"""By the suffix of their files."""
_JSON = rb'\s*\{\s*"program"\s*:\s*"ttsdash"'
_BEGINS = {
    ".csv": rb"created_at,id,benchmark_id,",
    ".json": _JSON,
    ".jsonl": _JSON,
    ".md": rb"\| created_at \| id \|",
    ".html": rb'(?s).*<meta name="generator" content="ttsdash',
}
"""How an export begins, by the suffix of its file."""
_BEGINNING = 2000


def export(db: sqlite3.Connection, name: str, voice_id: str | None = None) -> Generator[str, None, None]:
    """The history of one voice or of all, piece by piece, as it is at this moment, whatever is stored meanwhile."""
    db.execute("BEGIN")
    try:
        yield from FORMATS[name](db, voice_id)
    finally:
        db.rollback()


def write_file(path: Path, pieces: Iterable[str]) -> None:
    """Write so that the file is at any moment absent, what it was, or whole.

    Raises BadInput for what is there and cannot be an earlier export, TtsdashError where nothing can be written.
    """
    target = check_target(path)
    try:
        replace_text(target, pieces)
    except OSError as error:
        raise TtsdashError(f"cannot write {path} ({error.strerror}): name another place") from error


def _is_export(file: Path) -> bool:
    """By its name and how it begins."""
    begins = _BEGINS.get(file.suffix)
    with suppress(OSError), file.open("rb") as there:
        return begins is not None and re.match(begins, there.read(_BEGINNING)) is not None
    return False


def check_target(path: Path) -> Path:
    """The file behind a path, if an export may be written there. Raises BadInput, which says what to do."""
    target = Path(os.path.realpath(path.expanduser()))
    if target.is_dir():
        raise InvalidInput(f"{path} is a folder: name a file in it")
    if not target.parent.is_dir():
        raise InvalidInput(f"there is no folder {path.parent}: make it first")
    if not target.exists():
        return target
    if not target.is_file():
        raise InvalidInput(
            f"{path} is no regular file: name another place, or send the output of `ttsdash results export` there"
        )
    if target.stat().st_size and not _is_export(target):
        raise InvalidInput(f"{path} is there and no export of ttsdash: name another file")
    if not os.access(target, os.W_OK):
        raise InvalidInput(f"{path} is read-only for you: see to its permissions")
    return target
