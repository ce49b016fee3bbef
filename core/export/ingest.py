"""The import of an export: everything in it that is new is stored, or nothing."""

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from core.errors import InvalidInput, NotFound, TtsdashError
from core.export.read import read_export
from core.records.benchmarks import BenchmarkRecord, ResultRecord
from core.store.database import transaction
from core.store.results import put_benchmark, read_benchmark

_TABLES = (
    *("machines", "environments", "benchmarks", "results"),
    *("samples", "starts", "parallel_runs", "result_texts", "result_sounds"),
)


@dataclass
class Ingested:
    """The number of benchmarks added and skipped as known, and of the results of those added."""

    added: int = 0
    skipped: int = 0
    results: int = 0


def ingest(db: sqlite3.Connection, file: BinaryIO, name: str) -> Ingested:
    """Check all of `file`, which messages call `name`, then store what is new in one transaction.

    Raises InvalidInput, without having changed anything, for a file that is not a complete export or contradicts the
    history in the store.
    """
    done = Ingested()
    with _stage(db) as stage:
        for record in read_export(file, name):
            if _is_known(db, record, name):
                done.skipped += 1
            else:
                put_benchmark(stage, record, job_id=None)
                done.added += 1
                done.results += len(record.results)
        stage.commit()
        _move(db)
    return done


@contextmanager
def _stage(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Create the tables of the store in a temporary database, attached to the store as `stage`.

    Copying a hundred thousand results from it locks the store for a fifth of the time that inserting them one by one
    takes. A worker waits half a minute to write, no longer.
    """
    with tempfile.TemporaryDirectory(prefix="ttsdash-") as folder:
        path = Path(folder) / "stage.db"
        stage = sqlite3.connect(path, isolation_level=None)
        stage.row_factory = sqlite3.Row
        stage.execute("PRAGMA journal_mode = OFF")
        for table in _TABLES:
            made = db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
            stage.execute(made["sql"])
        db.execute("ATTACH ? AS stage", (str(path),))
    # The file is open twice and already unlinked: nothing is left of it, however this process ends.
    with closing(stage):
        stage.execute("BEGIN")
        try:
            yield stage
        finally:
            db.execute("DETACH stage")


def _move(db: sqlite3.Connection) -> None:
    with transaction(db):
        if db.execute("SELECT 1 FROM stage.benchmarks JOIN main.benchmarks USING (id)").fetchone():
            raise TtsdashError("another import has stored some of these benchmarks in the meantime: try again")
        for table in _TABLES:
            known = " OR IGNORE" if table in ("machines", "environments") else ""
            db.execute(f"INSERT{known} INTO main.{table} SELECT * FROM stage.{table}")


def _is_known(db: sqlite3.Connection, record: BenchmarkRecord, name: str) -> bool:
    """Return whether the benchmark is already stored. Raises InvalidInput if it contradicts the store."""
    try:
        stored = read_benchmark(db, record.id)
    except NotFound:
        _refuse_contradictions(db, record, name)
        return False
    if not _same(stored, record):
        raise _contradiction(name, f"benchmark {record.id}")
    return True


def _same(stored: BenchmarkRecord, imported: BenchmarkRecord) -> bool:
    """Compare two benchmarks regardless of the order of results. Pruned samples are not a contradiction."""
    ours, theirs = ({result.id: result for result in record.results} for record in (stored, imported))
    return (
        replace(stored, results=()) == replace(imported, results=())
        and ours.keys() == theirs.keys()
        and all(_same_result(result, theirs[result_id]) for result_id, result in ours.items())
    )


def _same_result(stored: ResultRecord, imported: ResultRecord) -> bool:
    parts = (
        (stored.samples, imported.samples),
        (stored.starts, imported.starts),
        (stored.parallel_runs, imported.parallel_runs),
        (stored.texts, imported.texts),
        (stored.sounds, imported.sounds),
    )
    return stored.figures == imported.figures and all(
        set(ours) == set(theirs) for ours, theirs in parts if ours and theirs
    )


def _refuse_contradictions(db: sqlite3.Connection, record: BenchmarkRecord, name: str) -> None:
    for result in record.results:
        if db.execute("SELECT 1 FROM results WHERE id = ?", (result.id,)).fetchone():
            raise _contradiction(name, f"result {result.id}")
    machine = db.execute("SELECT facts FROM machines WHERE id = ?", (record.machine.id,)).fetchone()
    if machine and json.loads(machine["facts"]) != record.machine.facts:
        raise _contradiction(name, f"machine {record.machine.id}")
    environment = db.execute("SELECT versions FROM environments WHERE id = ?", (record.environment.id,)).fetchone()
    if environment and json.loads(environment["versions"]) != record.environment.versions:
        raise _contradiction(name, f"environment {record.environment.id}")


def _contradiction(name: str, what: str) -> InvalidInput:
    return InvalidInput(
        f"cannot import {name}: {what} is in the history with different content: one of the two was altered"
    )
