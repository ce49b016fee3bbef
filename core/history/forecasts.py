"""Forecasts from the stored history."""

import json
import sqlite3

from core.history.forecast import Forecast, forecast
from core.store.results import RESULTS, as_result

_LATEST = 20


def read_forecast(db: sqlite3.Connection, machine_id: str, recipe: str, variant: str) -> Forecast | None:
    """Return a forecast from the latest results of that machine for the variant of any voice."""
    places = db.execute(
        """SELECT rowid, benchmark_id FROM results
           WHERE variant = ? AND machine_id = ? AND recipe = ? AND stock AND speedup IS NOT NULL
           ORDER BY created_at DESC LIMIT ?""",
        (variant, machine_id, recipe, _LATEST),
    ).fetchall()
    rows = db.execute(
        f"""{RESULTS} WHERE results.rowid IN (SELECT value FROM json_each(?))
                OR results.rowid IN (SELECT rowid FROM results WHERE +recipe IS NULL
                    AND benchmark_id IN (SELECT value FROM json_each(?)))""",
        (json.dumps([row[0] for row in places]), json.dumps([row[1] for row in places])),
    )
    return forecast([as_result(row) for row in rows], machine_id, recipe, variant)
