"""The history as JSON: JSON Lines, or the same as one object. Both hold one benchmark at a time."""

import sqlite3
from collections.abc import Iterator

from core.export.document import Tally, dump, dump_benchmark, header
from core.records.benchmarks import BenchmarkRecord
from core.store.results import read_benchmark


def json_lines(db: sqlite3.Connection, voice_id: str | None) -> Iterator[str]:
    """The header, a line a benchmark, and their sum."""
    tally = Tally()
    yield dump(header()) + "\n"
    for record in _benchmarks(db, voice_id):
        document = dump_benchmark(record)
        tally.add(document)
        yield document + "\n"
    yield dump(tally.shape()) + "\n"


def json_object(db: sqlite3.Connection, voice_id: str | None) -> Iterator[str]:
    """The same, the benchmarks as an array between the other members."""
    tally = Tally()
    yield dump(header())[:-1] + ',"benchmarks":['
    for record in _benchmarks(db, voice_id):
        document = dump_benchmark(record)
        yield (",\n" if tally.count else "\n") + document
        tally.add(document)
    yield "\n]," + dump(tally.shape())[1:] + "\n"


def _benchmarks(db: sqlite3.Connection, voice_id: str | None) -> Iterator[BenchmarkRecord]:
    """The oldest first: what an export holds already stands at the same place in the next one."""
    where, values = (" WHERE voice_id = ?", (voice_id,)) if voice_id else ("", ())
    ids = db.execute(f"SELECT id FROM benchmarks{where} ORDER BY created_at, id", values).fetchall()
    for row in ids:
        yield read_benchmark(db, row["id"])
