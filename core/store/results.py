"""Benchmarks and their results in the store. They are stored in one transaction and never changed.

Results are listed in reverse row order. Those of a benchmark are stored so that this yields ascending thread counts, the
original first.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any, TypeVar

from core.errors import NotFound
from core.hardware.limits import Limits
from core.hardware.machine import Environment, Machine
from core.records.benchmarks import BenchmarkRecord, ParallelRun, ResultRecord, Sample, Startup, TextMetrics, TextSound
from core.records.results import Result, SpokenTexts
from core.records.voices import ORIGINAL
from core.store.sources import name_of_source

Part = TypeVar("Part", Sample, Startup, ParallelRun, TextMetrics, TextSound)


def put_benchmark(db: sqlite3.Connection, record: BenchmarkRecord, job_id: int | None) -> None:
    """Store a benchmark with every sample. Call it in a transaction."""
    for table, entry in (("machines", record.machine), ("environments", record.environment)):
        details = entry.facts if isinstance(entry, Machine) else entry.versions
        db.execute(f"INSERT INTO {table} VALUES (?, ?) ON CONFLICT DO NOTHING", (entry.id, json.dumps(details)))
    _insert(
        db,
        "benchmarks",
        {
            "id": record.id,
            "voice_id": record.voice_id,
            "voice_key": record.voice_key,
            "job_id": job_id,
            "machine_id": record.machine.id,
            "environment_id": record.environment.id,
            "version": record.version,
            "texts": json.dumps(record.texts),
            "load": json.dumps(record.load),
            "created_at": record.created_at,
        },
    )
    for result in sorted(record.results, key=_place, reverse=True):
        _put_result(db, record, result)


def _place(result: ResultRecord) -> tuple[int, bool, str]:
    return result.threads, result.variant != ORIGINAL, result.variant


def _put_result(db: sqlite3.Connection, record: BenchmarkRecord, result: ResultRecord) -> None:
    row = result.figures
    row |= {name: json.dumps(row[name]) for name in _JSON if row[name] is not None}
    row |= {"benchmark_id": record.id, "voice_id": record.voice_id, "created_at": record.created_at}
    _insert(db, "results", row | {"machine_id": record.machine.id, "version": record.version})
    for table, (attribute, kind) in _PARTS.items():
        names = [field.name for field in fields(kind)]
        db.executemany(
            f"INSERT INTO {table} (result_id, {', '.join(names)}) VALUES (?{', ?' * len(names)})",
            [(result.id, *(getattr(part, name) for name in names)) for part in getattr(result, attribute)],
        )


def _insert(db: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})", row)


def read_benchmark(db: sqlite3.Connection, benchmark_id: str) -> BenchmarkRecord:
    """Return a benchmark as it was stored, without samples that were pruned since. Raises NotFound."""
    row = db.execute(
        """SELECT benchmarks.*, machines.facts, environments.versions FROM benchmarks
           JOIN machines ON machines.id = machine_id JOIN environments ON environments.id = environment_id
           WHERE benchmarks.id = ?""",
        (benchmark_id,),
    ).fetchone()
    if row is None:
        raise NotFound(f"benchmark not found: {benchmark_id!r} (list results with: ttsdash results list)")
    results = db.execute("SELECT * FROM results WHERE benchmark_id = ? ORDER BY rowid DESC", (benchmark_id,)).fetchall()
    return BenchmarkRecord(
        id=row["id"],
        voice_id=row["voice_id"],
        voice_key=row["voice_key"],
        machine=Machine(row["machine_id"], json.loads(row["facts"])),
        environment=Environment(row["environment_id"], json.loads(row["versions"])),
        version=row["version"],
        texts=json.loads(row["texts"]),
        load=json.loads(row["load"]),
        created_at=row["created_at"],
        results=tuple(_read_result(db, result) for result in results),
    )


def _read_result(db: sqlite3.Connection, row: sqlite3.Row) -> ResultRecord:
    figures = {name: value for name, value in dict(row).items() if name not in _OF_BENCHMARK}
    figures |= {name: None if figures[name] is None else json.loads(figures[name]) for name in _JSON}
    figures |= {name: bool(figures[name]) for name in ("stock", "noisy")}
    parts = {attribute: list_parts(db, kind, row["id"]) for attribute, kind in _PARTS.values()}
    return ResultRecord.from_figures(figures, **parts)


def delete_results(db: sqlite3.Connection, sources: Sequence[str]) -> int:
    """Delete all benchmarks of voices with these checksums; return how many results that were. Call it in a transaction."""
    which = f"voice_id IN ({', '.join('?' * len(sources))})"
    for table in _PARTS:
        db.execute(f"DELETE FROM {table} WHERE result_id IN (SELECT id FROM results WHERE {which})", sources)
    deleted = db.execute(f"DELETE FROM results WHERE {which}", sources).rowcount
    db.execute(f"DELETE FROM benchmarks WHERE {which}", sources)
    return deleted


def list_parts(db: sqlite3.Connection, kind: type[Part], result_id: str) -> tuple[Part, ...]:
    """Return the samples, startups, parallel runs or metrics by text of a result, depending on `kind`."""
    table = next(table for table, (_, known) in _PARTS.items() if known is kind)
    names = [field.name for field in fields(kind)]
    key = names[:2] if kind is Sample else names[:1]
    rows = db.execute(
        f"SELECT {', '.join(names)} FROM {table} WHERE result_id = ? ORDER BY {', '.join(key)}", (result_id,)
    )
    return tuple(_part(kind, row) for row in rows)


def _part(kind: type[Part], row: sqlite3.Row) -> Part:
    values: dict[str, Any] = dict(row)
    if kind is Startup:
        values["cold"] = bool(values["cold"])
    return kind(**values)


def list_results(
    db: sqlite3.Connection,
    voice_id: str | None = None,
    variant: str | None = None,
    benchmark_id: str | None = None,
    limit: int = 500,
) -> list[Result]:
    """Return results, newest first; within a benchmark by thread count, the original first."""
    filters = {"voice_id": voice_id, "variant": variant, "benchmark_id": benchmark_id}
    filters = {name: value for name, value in filters.items() if value is not None}
    where = " WHERE " + " AND ".join(f"{column} = ?" for column in filters) if filters else ""
    rows = db.execute(
        f"SELECT rowid FROM results{where} ORDER BY created_at DESC, rowid DESC LIMIT ?", (*filters.values(), limit)
    )
    return results_at(db, [row[0] for row in rows])


def results_at(db: sqlite3.Connection, places: Sequence[int]) -> list[Result]:
    """Return the results in these rows, in this order."""
    rows = db.execute(
        f"{RESULTS} JOIN json_each(?) AS place ON place.value = results.rowid ORDER BY place.key", (json.dumps(places),)
    )
    return [as_result(row) for row in rows]


def newest_result(
    db: sqlite3.Connection, voice_id: str, variant: str, machine: Machine, sha256: str | None = None
) -> Result | None:
    """Return the newest result of a variant on a machine at all cores; of exactly the files `sha256` if given.

    Results with a speed-up are preferred to those without.
    """
    threads = all_cores(db, voice_id, variant, machine, sha256)
    row = db.execute(
        f"""{RESULTS} WHERE results.rowid = (
                SELECT rowid FROM results
                WHERE voice_id = :voice AND variant = :variant AND machine_id = :machine AND threads = :threads AND stock
                    AND (:sha256 IS NULL OR variant_sha256 = :sha256)
                ORDER BY speedup IS NULL, created_at DESC LIMIT 1)""",
        {
            "voice": voice_id,
            "variant": variant,
            "machine": machine.id,
            "threads": threads,
            "sha256": sha256,
        },
    ).fetchone()
    return as_result(row) if row else None


def all_cores(
    db: sqlite3.Connection, voice_id: str, variant: str, machine: Machine, sha256: str | None = None
) -> int | None:
    """Return the thread count at which a variant was measured at all cores on a machine, None if it was not.

    These are all cores that its worker had. If it was limited once, only the results at the most cores count.
    """
    row = db.execute(
        """SELECT max(threads) FROM results INDEXED BY results_by_variant
           WHERE voice_id = ? AND variant = ? AND machine_id = ? AND stock AND (? IS NULL OR variant_sha256 = ?)""",
        (voice_id, variant, machine.id, sha256, sha256),
    ).fetchone()
    threads: int | None = row[0]
    return threads


def get_result(db: sqlite3.Connection, result_id: str) -> Result:
    """Return the result whose id starts with `result_id`. Raises NotFound if there are none or several."""
    rows = []
    if result_id and result_id.isascii():
        rows = db.execute(
            RESULTS + " WHERE results.id >= ? AND results.id < ? LIMIT 2", (result_id, f"{result_id}\x7f")
        ).fetchall()
    if len(rows) != 1:
        reason = "several results match the id" if rows else "result not found"
        raise NotFound(f"{reason}: {result_id!r} (list results with: ttsdash results list)")
    return as_result(rows[0])


RESULTS = f"""SELECT results.*, coalesce({name_of_source("results.voice_id")}, benchmarks.voice_key) AS voice,
                    results.machine_id AS machine,
                    results.version AS benchmark_version, machines.facts AS machine_facts,
                    environments.versions AS environment, benchmarks.texts AS texts,
                    json_extract(benchmarks.load, '$.limits') AS limits
             FROM results
             JOIN benchmarks ON benchmarks.id = results.benchmark_id
             JOIN machines ON machines.id = results.machine_id
             JOIN environments ON environments.id = benchmarks.environment_id"""
"""The start of every query for results; `as_result` converts its rows."""

_OF_BENCHMARK = frozenset({"benchmark_id", "voice_id", "created_at", "machine_id", "version"})
_JSON = ("defects", "unmeasured", "regression")
_PARTS: dict[str, tuple[str, type[Any]]] = {
    "samples": ("samples", Sample),
    "starts": ("starts", Startup),
    "parallel_runs": ("parallel_runs", ParallelRun),
    "result_texts": ("texts", TextMetrics),
    "result_sounds": ("sounds", TextSound),
}


def as_result(row: sqlite3.Row) -> Result:
    """Convert a row of `RESULTS`."""
    # Faster than `dict(row)`, which looks up each column by name.
    values = dict(zip(row.keys(), row, strict=True))
    values.pop("machine_id")
    values.pop("version")
    low, high = values.pop("speedup_low"), values.pop("speedup_high")
    values["speedup_ci"] = None if low is None else (low, high)
    values |= {name: _parse_object(values[name]) for name in ("machine_facts", "environment")}
    values["limits"] = _parse_limits(values["limits"])
    values |= {name: None if values[name] is None else json.loads(values[name]) for name in _JSON}
    for name in ("stock", "noisy"):
        values[name] = bool(values[name])
    spoken = _spoken_texts(values.pop("texts"))
    return Result(**values, text_set=spoken.name, text_set_note=spoken.note)


def newest_texts(db: sqlite3.Connection, voice_id: str) -> SpokenTexts | None:
    """Return the texts of a voice's newest benchmark, None without one."""
    row = db.execute(
        "SELECT texts FROM benchmarks WHERE voice_id = ? ORDER BY created_at DESC LIMIT 1", (voice_id,)
    ).fetchone()
    return _spoken_texts(row["texts"]) if row else None


@lru_cache(maxsize=64)
def _spoken_texts(document: str) -> SpokenTexts:
    """Parse the texts of a benchmark. Those of older versions have no note."""
    texts = json.loads(document)
    note = texts.get("note")
    return SpokenTexts(str(texts.get("name", "")), None if note is None else str(note))


@lru_cache(maxsize=64)
def _parse_limits(document: str | None) -> Limits | None:
    return Limits.from_json(json.loads(document)) if document else None


@lru_cache(maxsize=64)
def _parse_object(document: str) -> dict[str, Any]:
    """Parse the facts of a machine or the versions of an environment, which are the same few for all results."""
    details: dict[str, Any] = json.loads(document)
    return details
