"""SQL conditions for the terms of a filter, and the index that answers them without reading the table.

A single condition uses the index of its column. Several use `results_figures`, a covering index of everything that can be
filtered by: scanning it takes half as long as scanning the table, whatever matches.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.history.filter import FIELDS, Term
from core.history.names import distinct, machines_like, voice_names
from core.text import match_name

ALL_FIGURES, BY_TIME, BY_VOICE = "results_figures", "results_by_time", "results_by_variant"
# The index whose first column this is; other columns have one named after them.
_BEGINS_WITH = {"voice_id": BY_VOICE, "created_at": BY_TIME}


def index_of(column: str) -> str:
    """Return the index whose first column this is."""
    return _BEGINS_WITH.get(column, f"results_sorted_by_{column}")


@dataclass(frozen=True)
class Condition:
    """SQL with its parameters, and the index to use if it is the only condition."""

    sql: str
    parameters: tuple[Any, ...] = ()
    index: str = ALL_FIGURES


@dataclass(frozen=True)
class Where:
    """All conditions, and the index to use; None without conditions."""

    sql: str = "TRUE"
    parameters: tuple[Any, ...] = ()
    index: str | None = None

    @property
    def rows(self) -> str:
        """Return the FROM and WHERE clauses that select all matches."""
        return f"results {f'INDEXED BY {self.index}' if self.index else ''} WHERE {self.sql}"

    def in_time_order(self, but: str) -> "Where":
        """Return the same on the covering index, which is in time order, unless it uses the index `but` or that of time."""
        return self if self.index in (None, BY_TIME, but) else replace(self, index=ALL_FIGURES)

    def within(self, index: str) -> str:
        """Return the FROM and WHERE clauses that select all matches in the order of another index."""
        if self.index is None or self.index == index:
            return f"results INDEXED BY {index} WHERE {self.sql}"
        if (self.index, index) == (ALL_FIGURES, BY_TIME):
            return self.rows  # It is in time order, too.
        return f"results INDEXED BY {index} WHERE rowid IN (SELECT rowid FROM {self.rows})"


def where(db: sqlite3.Connection, terms: Sequence[Term]) -> Where:
    """Return the conditions for all terms of a filter."""
    if not terms:
        return Where()
    conditions = [_condition(db, term) for term in terms]
    return Where(
        " AND ".join(condition.sql for condition in conditions),
        tuple(value for condition in conditions for value in condition.parameters),
        conditions[0].index if len(conditions) == 1 else ALL_FIGURES,
    )


def _condition(db: sqlite3.Connection, term: Term) -> Condition:
    found = _word(db, term) if term.field is None else _CONDITIONS.get(term.field, _comparison)(db, term)
    if not term.excluded:
        return found
    # IS NOT TRUE keeps results whose value is NULL. A negated condition cannot be looked up in an index.
    return Condition(f"({found.sql}) IS NOT TRUE", found.parameters, BY_TIME if found.index == BY_TIME else ALL_FIGURES)


def _comparison(_: sqlite3.Connection, term: Term) -> Condition:
    column = FIELDS[str(term.field)].column
    return Condition(f"{column} {term.operator.replace(':', '=')} ?", (term.value,), index_of(column))


def _noisy(_: sqlite3.Connection, term: Term) -> Condition:
    return Condition("noisy = ?", (term.value,))


def _since(_: sqlite3.Connection, term: Term) -> Condition:
    return Condition("created_at >= ?", (term.value,), BY_TIME)


def _until(_: sqlite3.Connection, term: Term) -> Condition:
    return Condition("created_at < ?", (term.value,), BY_TIME)


def _text(db: sqlite3.Connection, term: Term) -> Condition:
    column = FIELDS[str(term.field)].column
    return _among(column, [name for name in distinct(db, column) if _matches(name, term)])


def _voice(db: sqlite3.Connection, term: Term) -> Condition:
    names = voice_names(db)
    if term.operator == "=":
        # As everywhere, a name that differs in case alone is that of the voice, unless another one has it.
        meant = match_name(term.value, names.values())
        return _among("voice_id", [voice_id for voice_id, name in names.items() if name == meant])
    return _among("voice_id", [voice_id for voice_id, name in names.items() if _matches(name, term)])


def _machine(db: sqlite3.Connection, term: Term) -> Condition:
    return _among("machine_id", [machine.id for machine in machines_like(db, term.value)])


def _word(db: sqlite3.Connection, term: Term) -> Condition:
    """Match part of the name of the voice or of the variant."""
    variants = [name for name in distinct(db, "variant") if _matches(name, term)]
    voice, variant = _voice(db, term), _among("variant", variants)
    if not variants or not voice.parameters:
        return variant if variants else voice
    return Condition(f"({voice.sql} OR {variant.sql})", voice.parameters + variant.parameters)


def _benchmark(_: sqlite3.Connection, term: Term) -> Condition:
    """Match the start of the id of the benchmark."""
    sql = """rowid IN (SELECT rowid FROM results INDEXED BY results_by_benchmark
                       WHERE benchmark_id >= ? AND benchmark_id < ?)"""
    return Condition(sql, (term.value, f"{term.value}\U0010ffff"), BY_TIME)


def _regression(_: sqlite3.Connection, term: Term) -> Condition:
    sql = f"""rowid {"IN" if term.value else "NOT IN"} (
                  SELECT rowid FROM results INDEXED BY results_with_regression WHERE regression IS NOT NULL)"""
    return Condition(sql, (), BY_TIME)


def _among(column: str, values: Sequence[str]) -> Condition:
    """Match any of the values; only a single one is looked up in the index of the column, which is then in time order."""
    marks, index = ", ".join("?" * len(values)), index_of(column) if len(values) < 2 else ALL_FIGURES
    return Condition(f"{column} IN ({marks})", tuple(values), index)


def _matches(name: str, term: Term) -> bool:
    """Match exactly for `=`, part of the name in any case for `:`."""
    return name == term.value if term.operator == "=" else term.value.casefold() in name.casefold()


_CONDITIONS: dict[str, Callable[[sqlite3.Connection, Term], Condition]] = {
    **dict.fromkeys(("variant", "engine", "recipe", "version"), _text),
    "voice": _voice,
    "machine": _machine,
    "benchmark": _benchmark,
    "noisy": _noisy,
    "regression": _regression,
    "since": _since,
    "until": _until,
}
