"""Results as flat rows: CSV for spreadsheets, a Markdown table for people. Text is escaped in both."""

import csv
import html
import io
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import lru_cache
from typing import Any

from core.hardware.limits import describe_limits
from core.history.names import of_voice
from core.records.results import Result
from core.store.results import RESULTS, as_result
from core.text import escape_control

# What a spreadsheet may take for a formula, at the start of a cell or of a part it may split off, full-width forms included.
_FORMULA = re.compile(r"""(^|[;,|"'])(\s*)(?=[=+\-@＝＋－＠])""")
# An underscore inside a word is not markup.
_MARKUP = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])")
_FACTS = ("cpu", "cores")
# Of no use to a reader.
_CHECKSUMS = ("benchmark_id", "voice_id", "variant_sha256")


def csv_rows(db: sqlite3.Connection, voice_id: str | None) -> Iterator[str]:
    """Yield CSV with all digits of numbers."""
    names = _names(db)
    yield _csv_line(map(_csv_text, names))
    for result in _newest_first(db, voice_id):
        cells = _cells(result)
        yield _csv_line(_csv_cell(cells.get(name)) for name in names)


def markdown_rows(db: sqlite3.Connection, voice_id: str | None) -> Iterator[str]:
    """Yield a Markdown table with six significant digits."""
    names = [name for name in _names(db) if name not in _CHECKSUMS]
    yield _markdown_line(map(_markdown_text, names))
    yield _markdown_line("---" for _ in names)
    for result in _newest_first(db, voice_id):
        cells = _cells(result)
        yield _markdown_line(_markdown_cell(cells.get(name)) for name in names)


def _newest_first(db: sqlite3.Connection, voice_id: str | None) -> Iterator[Result]:
    """Yield the results of one voice or of all; only one is kept in memory."""
    where, values = of_voice(db, voice_id, "results.voice_id")
    yield from map(
        as_result, db.execute(f"{RESULTS} {where} ORDER BY results.created_at DESC, results.rowid DESC", values)
    )


def _names(db: sqlite3.Connection) -> list[str]:
    """Return the columns: the time, then the keys of `--json`, with nested objects spread out."""
    versions = {name for row in db.execute("SELECT versions FROM environments") for name in json.loads(row["versions"])}
    expanded = {
        "speedup_ci": ["speedup_low", "speedup_high"],
        "machine_facts": [f"machine_{name}" for name in _FACTS],
        "environment": [f"env_{name}" for name in sorted(versions)],
    }
    names = [name for field in fields(Result) for name in expanded.get(field.name, [field.name])]
    return sorted(names, key=lambda name: name != "created_at")


def _cells(result: Result) -> dict[str, Any]:
    low, high = result.speedup_ci or (None, None)
    return {
        **vars(result),
        "speedup_low": low,
        "speedup_high": high,
        **{f"machine_{name}": result.machine_facts.get(name) for name in _FACTS},
        **{f"env_{name}": value for name, value in result.environment.items()},
        "defects": ", ".join(f"{name} {count}" for name, count in result.defects.items() if count),
        "unmeasured": "; ".join(f"{name}: {reason}" for name, reason in result.unmeasured.items()),
        "regression": regression_line(result),
        "limits": None if result.limits is None else describe_limits(result.limits),
    }


def regression_line(result: Result) -> str | None:
    """Return what got worse and what changed since, in one line; None without a regression."""
    if not result.regression:
        return None
    changed = f" ({', '.join(result.regression['changed'])})" if result.regression["changed"] else ""
    return "; ".join(result.regression["worse"]) + changed


def _csv_line(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return _csv_text(value) if isinstance(value, str) else value


@lru_cache(1000)
def _csv_text(text: str) -> str:
    """Insert an apostrophe before anything that a spreadsheet would evaluate."""
    return _FORMULA.sub(r"\1\2'", escape_control(text))


def _markdown_line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _markdown_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else _markdown_text(str(value))


@lru_cache(1000)
def _markdown_text(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", html.escape(escape_control(text), quote=False))
