"""The newest result of each variant at each thread count."""

import sqlite3

from core.store.results import RESULTS, Result, as_result


def list_newest(db: sqlite3.Connection, machine_id: str, voice_id: str | None = None) -> list[Result]:
    """Of one machine; of one voice or of all, by voice, variant and threads."""
    where, values = ("AND voice_id = ?", (voice_id,)) if voice_id else ("", ())
    # SQLite takes the other columns of a group from the row that has the maximum.
    newest = f"""SELECT id FROM (SELECT id, max(created_at) FROM results WHERE machine_id = ? {where}
                 GROUP BY voice_id, variant, threads)"""
    rows = db.execute(
        f"{RESULTS} WHERE results.id IN ({newest}) ORDER BY voice, results.variant, results.threads",
        (machine_id, *values),
    )
    return [as_result(row) for row in rows]
