"""Pages of the history: filtered, sorted, with the total number of matches.

A page is found in two steps that read only indexes: the index of the sort order is scanned, and rows count if they are among
those found in the index of the filter. Only the rows of the page are then read from the table.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.history.conditions import ALL_FIGURES, BY_VOICE, Where, index_of, where
from core.history.filter import FIELDS, Term
from core.history.names import voice_names
from core.records.metrics import METRICS
from core.records.results import Result
from core.store.results import results_at

WHEN = "when"
_VOICE = "voice"
_UNSORTED = ("benchmark", "noisy", "regression", "since", "until")
_COLUMNS = {WHEN: "created_at"} | {name: field.column for name, field in FIELDS.items() if name not in _UNSORTED}
SORTS = tuple(_COLUMNS)
"""What results can be sorted by: names from A to Z, times newest first, metrics best first."""
_HIGHEST_FIRST = (WHEN, "grade", *(metric.filter for metric in METRICS if metric.better == "higher"))
# Above so many matches, testing every row in order is faster than looking the matches up in another order.
_MANY_MATCHES = 5000


@dataclass(frozen=True)
class Page:
    """A page of the matching results, and the number of all matches."""

    results: list[Result]
    total: int


def is_descending(sort: str, reverse: bool) -> bool:
    """Return whether the highest value, or Z, comes first."""
    return (sort in _HIGHEST_FIRST) != reverse


def list_page(
    db: sqlite3.Connection,
    terms: Sequence[Term] = (),
    sort: str = WHEN,
    reverse: bool = False,
    limit: int = 500,
    page: int = 1,
) -> Page:
    """Return a page of the results that match all terms; results without the value to sort by come last.

    `sort` is one of `SORTS`; equal values are ordered newest first. The first page is 1.
    """
    found, skipped = where(db, terms), (page - 1) * limit
    if sort == _VOICE:
        places, total = _by_voice(db, found, reverse, limit, skipped)
    else:
        total = int(db.execute(f"SELECT count(*) FROM {found.rows}", found.parameters).fetchone()[0])
        if total > _MANY_MATCHES:
            found = found.in_time_order(but=index_of(_COLUMNS[sort]))
        places = _places(db, found, sort, reverse, limit, skipped) if skipped < total else []
    return Page(results_at(db, places), total)


def _places(db: sqlite3.Connection, found: Where, sort: str, reverse: bool, limit: int, skipped: int) -> list[int]:
    """Return the row ids of a page."""
    column, down = _COLUMNS[sort], is_descending(sort, reverse)
    order = f"{column} {'DESC' if down else 'ASC'} NULLS LAST, rowid {'ASC' if reverse else 'DESC'}"
    rows = db.execute(
        f"SELECT rowid FROM {found.within(index_of(column))} ORDER BY {order} LIMIT ? OFFSET ?",
        (*found.parameters, limit, skipped),
    )
    return [row[0] for row in rows]


def _by_voice(db: sqlite3.Connection, found: Where, reverse: bool, limit: int, skipped: int) -> tuple[list[int], int]:
    """Return the row ids of a page by the name of the voice, which no index has, and the total number of matches.

    Within a voice, rows are ordered by variant, machine, threads and time.
    """
    rows = replace(found, index=ALL_FIGURES if found.index else BY_VOICE).rows
    counts = dict(db.execute(f"SELECT voice_id, count(*) FROM {rows} GROUP BY voice_id", found.parameters).fetchall())
    names = voice_names(db)
    down, up = ("DESC", "ASC") if reverse else ("ASC", "DESC")
    order = f"variant {down}, machine_id {down}, threads {down}, created_at {up}, rowid {down}"
    places: list[int] = []
    for voice_id in sorted(counts, key=lambda key: (names[key].casefold(), key), reverse=reverse):
        if skipped < counts[voice_id] and len(places) < limit:
            page = db.execute(
                f"SELECT rowid FROM {rows} AND voice_id = ? ORDER BY {order} LIMIT ? OFFSET ?",
                (*found.parameters, voice_id, limit - len(places), skipped),
            )
            places += [row[0] for row in page]
        skipped = max(0, skipped - counts[voice_id])
    return places, sum(counts.values())
