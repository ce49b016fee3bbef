"""The newest result of each variant at each thread count."""

import sqlite3

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
