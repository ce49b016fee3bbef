"""The newest result of each variant at each thread count."""

import sqlite3

from core.records.results import Result
from core.store.results import RESULTS, as_result


def list_newest(db: sqlite3.Connection, machine_id: str, voice_id: str | None = None) -> list[Result]:
    """Of one machine; of one voice or of all, by voice, variant and threads."""
    where, values = ("WHERE voice_id = ?", (voice_id,)) if voice_id else ("", ())
    # SQLite takes the other columns of a group from the row that has the maximum. With the plus the machine is looked at
    # last: taken into the groups it would cost their order, which is the index's.
    newest = f"""SELECT place FROM (
                     SELECT rowid AS place, machine_id, max(created_at) FROM results INDEXED BY results_by_variant {where}
                     GROUP BY voice_id, variant, machine_id, threads) WHERE +machine_id = ?"""
    rows = db.execute(
        f"{RESULTS} WHERE results.rowid IN ({newest}) ORDER BY voice, results.variant, results.threads",
        (*values, machine_id),
    )
    return [as_result(row) for row in rows]
