"""A filter's terms as conditions on the table of results, and the index that answers them without the table.

One condition is looked up in an index of its own. Several are held against `results_figures`, which has all that one can
filter by: walking it takes half the time that the table takes, and as long whatever fits.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.history.filter import FIELDS, Term
from core.history.names import distinct, machines_like, voice_names

ALL_FIGURES, BY_TIME, BY_VOICE = "results_figures", "results_by_time", "results_by_variant"
# The index that begins with a column; for other columns it is one of their own.
_BEGINS_WITH = {"voice_id": BY_VOICE, "created_at": BY_TIME}


def index_of(column: str) -> str:
    return _BEGINS_WITH.get(column, f"results_sorted_by_{column}")


@dataclass(frozen=True)
class Condition:
    """SQL with its parameters, and the index that it is held against when it stands alone."""

    sql: str
    parameters: tuple[Any, ...] = ()
    index: str = ALL_FIGURES


@dataclass(frozen=True)
class Where:
    """All conditions, and the index that they are held against: none where nothing is filtered."""

    sql: str = "TRUE"
    parameters: tuple[Any, ...] = ()
    index: str | None = None

    @property
    def rows(self) -> str:
        """What to select from."""
        return f"results {f'INDEXED BY {self.index}' if self.index else ''} WHERE {self.sql}"

    def in_time_order(self, but: str) -> "Where":
        """The same held against all figures, unless it is held against what stands in the order `but` or by time already."""
        return self if self.index in (None, BY_TIME, but) else replace(self, index=ALL_FIGURES)

    def within(self, index: str) -> str:
        """The same where it is the order of another index that matters."""
        if self.index is None or self.index == index:
            return f"results INDEXED BY {index} WHERE {self.sql}"
        if (self.index, index) == (ALL_FIGURES, BY_TIME):
            return self.rows  # which stand in time order, too
        return f"results INDEXED BY {index} WHERE rowid IN (SELECT rowid FROM {self.rows})"


def where(db: sqlite3.Connection, terms: Sequence[Term]) -> Where:
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
    # What has no such figure is not left out with those whose figure fits. Nothing can be looked up by what it is not.
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
    return _among(column, [name for name in distinct(db, column) if _fits(name, term)])


def _voice(db: sqlite3.Connection, term: Term) -> Condition:
    return _among("voice_id", [voice_id for voice_id, name in voice_names(db).items() if _fits(name, term)])


def _machine(db: sqlite3.Connection, term: Term) -> Condition:
    return _among("machine_id", [machine.id for machine in machines_like(db, term.value)])


def _word(db: sqlite3.Connection, term: Term) -> Condition:
    """A part of the voice's name or of the variant's."""
    variants = [name for name in distinct(db, "variant") if _fits(name, term)]
    voice, variant = _voice(db, term), _among("variant", variants)
    if not variants or not voice.parameters:
        return variant if variants else voice
    return Condition(f"({voice.sql} OR {variant.sql})", voice.parameters + variant.parameters)


def _benchmark(_: sqlite3.Connection, term: Term) -> Condition:
    """By the start of its id."""
    sql = """rowid IN (SELECT rowid FROM results INDEXED BY results_by_benchmark
                       WHERE benchmark_id >= ? AND benchmark_id < ?)"""
    return Condition(sql, (term.value, f"{term.value}\U0010ffff"), BY_TIME)


def _regression(_: sqlite3.Connection, term: Term) -> Condition:
    sql = f"""rowid {"IN" if term.value else "NOT IN"} (
                  SELECT rowid FROM results INDEXED BY results_with_regression WHERE regression IS NOT NULL)"""
    return Condition(sql, (), BY_TIME)


def _among(column: str, values: Sequence[str]) -> Condition:
    """Looked up for one value. Rows of several would come in no order that is of use."""
    marks, index = ", ".join("?" * len(values)), index_of(column) if len(values) < 2 else ALL_FIGURES
    return Condition(f"{column} IN ({marks})", tuple(values), index)


def _fits(name: str, term: Term) -> bool:
    """All of it for `=`, a part for `:`, in letters of any case."""
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
