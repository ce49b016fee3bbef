"""The results of one variant over time, and what changed between them."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.hardware.limits import Limits, describe_limits
from core.hardware.machine import Machine
from core.records.results import Result
from core.store.results import all_cores, results_at

LATEST = 500
"""The number of newest results that a trend has at most."""


@dataclass(frozen=True)
class Point:
    """A result and what changed since the previous one."""

    result: Result
    changed: tuple[str, ...]


@dataclass(frozen=True)
class Series:
    """The results of one benchmark version, oldest first. Results of different versions are not comparable."""

    version: str
    points: tuple[Point, ...]


def list_trend(
    db: sqlite3.Connection, voice_id: str, variant: str, machine: Machine, threads: int | None = None
) -> list[Result]:
    """Return the newest results of a variant on a machine, oldest first; at all cores if `threads` is None."""
    rows = db.execute(
        """SELECT rowid FROM results INDEXED BY results_by_variant
           WHERE voice_id = ? AND variant = ? AND machine_id = ? AND threads = ?
           ORDER BY created_at DESC LIMIT ?""",
        (voice_id, variant, machine.id, threads or all_cores(db, voice_id, variant, machine), LATEST),
    )
    return results_at(db, [row[0] for row in rows][::-1])


def series(results: Sequence[Result]) -> list[Series]:
    """Group results, given in time order, by benchmark version; the version measured last comes last."""
    by_version: dict[str, list[Result]] = {}
    for result in results:
        by_version.setdefault(result.benchmark_version, []).append(result)
    ordered = sorted(by_version.items(), key=lambda entry: entry[1][-1].created_at)
    return [Series(version, tuple(_points(found))) for version, found in ordered]


def _points(results: Sequence[Result]) -> Iterator[Point]:
    for number, result in enumerate(results):
        yield Point(result, _changed(results[number - 1], result) if number else ())


def _changed(before: Result, after: Result) -> tuple[str, ...]:
    rebuilt = ("the variant was rebuilt",) if before.variant_sha256 != after.variant_sha256 else ()
    limits = limits_changed(before.limits, after.limits)
    return (*versions_changed(before.environment, after.environment), *limits, *rebuilt)


def limits_changed(old: Limits | None, new: Limits | None) -> tuple[str, ...]:
    """Return a line if a worker was limited otherwise: `limits none -> nice 15`. Unknown limits count as none."""
    before, after = (limits.words if limits else () for limits in (old, new))
    return () if before == after else (f"limits {describe_limits(old)} -> {describe_limits(new)}",)


def versions_changed(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """Return a line per package with another version: `onnxruntime 1.30 -> 1.31`."""
    names = [*new, *(name for name in old if name not in new)]
    return tuple(
        f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}" for name in names if old.get(name) != new.get(name)
    )
