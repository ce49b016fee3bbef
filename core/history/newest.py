"""The newest result of each variant at each thread count, and which of them were judged for regressions."""

import sqlite3
from collections.abc import Iterable

from core.records.results import Result
from core.store.results import RESULTS, as_result


def list_newest(db: sqlite3.Connection, machine_id: str, voice_id: str | None = None) -> list[Result]:
    """Return them for one machine, of one voice or of all, ordered by voice, variant, threads."""
    where, values = ("WHERE voice_id = ?", (voice_id,)) if voice_id else ("", ())
    # SQLite takes the other columns of a group from the row with the maximum. The plus keeps the machine out of the
    # grouping, which would otherwise lose the order of the index.
    newest = f"""SELECT place FROM (
                     SELECT rowid AS place, machine_id, max(created_at) FROM results INDEXED BY results_by_variant {where}
                     GROUP BY voice_id, variant, machine_id, threads) WHERE +machine_id = ?"""
    rows = db.execute(
        f"{RESULTS} WHERE results.rowid IN ({newest}) ORDER BY voice, results.variant, results.threads",
        (*values, machine_id),
    )
    return [as_result(row) for row in rows]


def list_without_earlier(db: sqlite3.Connection, results: Iterable[Result]) -> list[Result]:
    """Return the results that had no earlier one to be compared with (`core.history.regression`)."""
    return [result for result in results if not _has_earlier(db, result)]


def _has_earlier(db: sqlite3.Connection, result: Result) -> bool:
    row = db.execute(
        """SELECT EXISTS (
               SELECT 1 FROM results INDEXED BY results_by_variant
               WHERE voice_id = ? AND variant = ? AND machine_id = ? AND threads = ? AND created_at < ?
                   AND version = ? AND engine IS ? AND NOT noisy)""",
        (
            *(result.voice_id, result.variant, result.machine, result.threads, result.created_at),
            *(result.benchmark_version, result.engine),
        ),
    ).fetchone()
    return bool(row[0])
