"""The history as JSON Lines or as one JSON object. Only one benchmark at a time is kept in memory."""

import sqlite3
from collections.abc import Iterator

from core.export.document import Tally, dump, dump_benchmark, header
from core.history.names import of_voice
from core.records.benchmarks import BenchmarkRecord
from core.store.results import read_benchmark


def json_lines(db: sqlite3.Connection, voice_id: str | None) -> Iterator[str]:
    """Yield the header, a line per benchmark, and their checksum."""
    tally = Tally()
    yield dump(header()) + "\n"
    for record in _benchmarks(db, voice_id):
        document = dump_benchmark(record)
        tally.add(document)
        yield document + "\n"
    yield dump(tally.shape()) + "\n"


def json_object(db: sqlite3.Connection, voice_id: str | None) -> Iterator[str]:
    """Yield the same as one object, with the benchmarks as an array."""
    tally = Tally()
    yield dump(header())[:-1] + ',"benchmarks":['
    for record in _benchmarks(db, voice_id):
        document = dump_benchmark(record)
        yield (",\n" if tally.count else "\n") + document
        tally.add(document)
    yield "\n]," + dump(tally.shape())[1:] + "\n"


def _benchmarks(db: sqlite3.Connection, voice_id: str | None) -> Iterator[BenchmarkRecord]:
    """Yield benchmarks oldest first, so that a later export starts with the same ones."""
    where, values = of_voice(db, voice_id, "voice_id")
    ids = db.execute(f"SELECT id FROM benchmarks {where} ORDER BY created_at, id", values).fetchall()
    for row in ids:
        yield read_benchmark(db, row["id"])
