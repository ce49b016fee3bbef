"""One variant's results in time order, and what changed between one and the next."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.hardware.machine import Machine
from core.records.results import Result
from core.store.results import results_at

LATEST = 500
"""Results of a variant at most."""


@dataclass(frozen=True)
class Point:
    """A result, and what is another than at the one before it."""

    result: Result
    changed: tuple[str, ...]


@dataclass(frozen=True)
class Series:
    """The results of one version of the benchmark, the oldest first. Those of another version do not compare with them."""

    version: str
    points: tuple[Point, ...]


def list_trend(
    db: sqlite3.Connection, voice_id: str, variant: str, machine: Machine, threads: int | None = None
) -> list[Result]:
    """A variant's newest results on a machine, the oldest of them first: at all its cores if no number is given."""
    rows = db.execute(
        """SELECT rowid FROM results INDEXED BY results_by_variant
           WHERE voice_id = ? AND variant = ? AND machine_id = ? AND threads = ?
           ORDER BY created_at DESC LIMIT ?""",
        (voice_id, variant, machine.id, threads or machine.facts["cores"], LATEST),
    )
    return results_at(db, [row[0] for row in rows][::-1])


def series(results: Sequence[Result]) -> list[Series]:
    """Results in time order, by version; the version that was measured last stands last."""
    by_version: dict[str, list[Result]] = {}
    for result in results:
        by_version.setdefault(result.benchmark_version, []).append(result)
    ordered = sorted(by_version.items(), key=lambda entry: entry[1][-1].created_at)
    return [Series(version, tuple(_points(found))) for version, found in ordered]


def _points(results: Sequence[Result]) -> Iterator[Point]:
    for number, result in enumerate(results):
        yield Point(result, _changed(results[number - 1], result) if number else ())


def _changed(before: Result, after: Result) -> tuple[str, ...]:
    made_anew = ("the variant was made anew",) if before.variant_sha256 != after.variant_sha256 else ()
    return (*versions_changed(before.environment, after.environment), *made_anew)


def versions_changed(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """In words: `onnxruntime 1.30 -> 1.31`."""
    names = [*new, *(name for name in old if name not in new)]
    return tuple(
        f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}" for name in names if old.get(name) != new.get(name)
    )
