"""Pruning: delete the raw samples of old results and free their space. All metrics remain, also those of each text."""

import sqlite3
import time
from dataclasses import astuple, dataclass

from core.errors import TtsdashError, format_error
from core.records.benchmarks import Sample
from core.records.job_states import JobKind, JobState
from core.records.voices import ORIGINAL
from core.store.database import transaction
from core.store.results import list_parts

_RAW = ("samples", "starts", "parallel_runs")
# Results per transaction: other writers, such as a worker, wait for one transaction at most.
_BATCH = 500
_MAX_WAIT_S = 10


@dataclass(frozen=True)
class Prunable:
    """The number of old results with raw samples, and of these samples."""

    results: int
    samples: int


def prunable(db: sqlite3.Connection, before: str) -> Prunable:
    """Count what `prune` would delete."""
    row = db.execute(
        """SELECT count(*) AS results, coalesce(sum(samples), 0) AS samples
           FROM (SELECT (SELECT count(*) FROM samples WHERE result_id = results.id) AS samples
                 FROM results WHERE created_at < ?)
           WHERE samples > 0""",
        (before,),
    ).fetchone()
    return Prunable(row["results"], row["samples"])


def prune(db: sqlite3.Connection, before: str) -> int:
    """Delete the raw samples of results from before that time. Return by how many bytes the database shrank.

    Raises TtsdashError while a benchmark is running, because pruning would disturb it.
    """
    running = db.execute(
        "SELECT id FROM jobs WHERE state = ? AND kind = ?", (JobState.RUNNING, JobKind.BENCHMARK)
    ).fetchone()
    if running:
        job = running["id"]
        raise TtsdashError(
            f"benchmark job {job} is running, and pruning would disturb it (wait for it with: ttsdash jobs wait {job})"
        )
    _keep_texts(db, before)
    # In the order of ids, as in the tables of samples, so that each of their pages is written once.
    rows = db.execute("SELECT id FROM results INDEXED BY results_by_time WHERE created_at < ? ORDER BY id", (before,))
    ids = [(row["id"],) for row in rows]
    for start in range(0, len(ids), _BATCH):
        with transaction(db):
            for table in _RAW:
                db.executemany(f"DELETE FROM {table} WHERE result_id = ?", ids[start : start + _BATCH])
    return _shrink(db)


def _keep_texts(db: sqlite3.Connection, before: str) -> None:
    """Store the metrics of each text, which older versions did not store, before their samples are deleted."""
    rows = db.execute(
        """SELECT results.id, original.id AS original_id FROM results INDEXED BY results_by_time
           CROSS JOIN results AS original INDEXED BY results_by_benchmark
               ON original.benchmark_id = results.benchmark_id AND original.threads = results.threads
                   AND original.variant = ?
           WHERE results.created_at < ?
               AND NOT EXISTS (SELECT 1 FROM result_texts WHERE result_id = results.id)
               AND EXISTS (SELECT 1 FROM samples WHERE result_id = results.id)""",
        (ORIGINAL, before),
    ).fetchall()
    for start in range(0, len(rows), _BATCH):
        with transaction(db):
            for row in rows[start : start + _BATCH]:
                _keep_texts_of(db, row["id"], row["original_id"])


def _keep_texts_of(db: sqlite3.Connection, result_id: str, original_id: str) -> None:
    from core.benchmark.timing import Measurements, metrics_by_text

    measured, original = (Measurements(list_parts(db, Sample, one), (), (), ()) for one in (result_id, original_id))
    db.executemany(
        """INSERT INTO result_texts (result_id, text, audio_seconds, latency_ms, latency_p90_ms, rtf, speedup)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        [(result_id, *astuple(figures)) for figures in metrics_by_text(original, measured)],
    )


def _shrink(db: sqlite3.Connection) -> int:
    """Rewrite the database without free pages; return the bytes saved. Readers are not blocked, writers wait."""
    before = _size(db)
    if not db.execute("PRAGMA freelist_count").fetchone()[0]:
        return 0
    try:
        db.execute("VACUUM")
        _shorten(db)
    except sqlite3.OperationalError as error:
        raise TtsdashError(f"the samples are deleted, but their space is not freed: {format_error(error)}") from error
    return before - _size(db)


def _shorten(db: sqlite3.Connection) -> None:
    """Move the write-ahead log into the database file. If other connections prevent it, they do it later."""
    deadline = time.monotonic() + _MAX_WAIT_S
    while db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] and time.monotonic() < deadline:
        time.sleep(0.1)


def _size(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA page_count").fetchone()[0] * db.execute("PRAGMA page_size").fetchone()[0])
