"""Joins the history in an export to the one here: all of it that is not here yet, or nothing."""

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
    *("samples", "starts", "parallel_runs", "result_texts"),
)


@dataclass
class Ingested:
    """How many benchmarks were added and how many were here already; how many results the added ones have."""

    added: int = 0
    skipped: int = 0
    results: int = 0


def ingest(db: sqlite3.Connection, file: BinaryIO, name: str) -> Ingested:
    """Check all of `file`, which messages call `name`; then store what is new in one transaction.

    Raises BadInput, and has changed nothing then, for what is no whole export or contradicts the history here.
    """
    done = Ingested()
    with _stage(db) as stage:
        for record in read_export(file, name):
            if _is_here(db, record, name):
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
    """Tables like the store's in a file of their own, attached to it as `stage`.

    A worker waits half a minute to write, no longer: copied from there a hundred thousand results keep it waiting for a
    fifth of the time that they take one by one.
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
    # The file is open twice and has no name any more: nothing of it stays, however this process ends.
    with closing(stage):
        stage.execute("BEGIN")
        try:
            yield stage
        finally:
            db.execute("DETACH stage")


def _move(db: sqlite3.Connection) -> None:
    with transaction(db):
        if db.execute("SELECT 1 FROM stage.benchmarks JOIN main.benchmarks USING (id)").fetchone():
            raise TtsdashError("another import has stored some of this meanwhile: try again")
        for table in _TABLES:
            known = " OR IGNORE" if table in ("machines", "environments") else ""
            db.execute(f"INSERT{known} INTO main.{table} SELECT * FROM stage.{table}")


def _is_here(db: sqlite3.Connection, record: BenchmarkRecord, name: str) -> bool:
    """Raises BadInput for what contradicts what is here."""
    try:
        here = read_benchmark(db, record.id)
    except NotFound:
        _refuse_contradictions(db, record, name)
        return False
    if not _same(here, record):
        raise _contradiction(name, f"benchmark {record.id}")
    return True


def _same(here: BenchmarkRecord, there: BenchmarkRecord) -> bool:
    """In whatever order. What was pruned from one of them cannot contradict the other."""
    ours, theirs = ({result.id: result for result in record.results} for record in (here, there))
    return (
        replace(here, results=()) == replace(there, results=())
        and ours.keys() == theirs.keys()
        and all(_same_result(result, theirs[result_id]) for result_id, result in ours.items())
    )


def _same_result(here: ResultRecord, there: ResultRecord) -> bool:
    parts = (
        (here.samples, there.samples),
        (here.starts, there.starts),
        (here.parallel_runs, there.parallel_runs),
        (here.texts, there.texts),
    )
    return here.figures == there.figures and all(set(ours) == set(theirs) for ours, theirs in parts if ours and theirs)


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
        f"cannot import {name}: {what} is here with other content: one of the two was altered, see which"
    )
