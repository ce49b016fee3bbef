"""The parser of filters such as `voice:joe grade>=slight speedup>1.5 machine:this since:2w -noisy:yes`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from core.clock import format_timestamp
from core.errors import InvalidInput
from core.history.since import parse_since
from core.quality.grade import GRADES
from core.records.metrics import METRICS, Metric
from core.records.verdict import SpeedVerdict
from core.text import truncate

_IS = (":", "=")
_ORDER = (">", ">=", "<", "<=")
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)
_TERM = re.compile(
    r"""
    (?P<excluded>-?)
    (?: (?P<field>\w+) (?P<operator>[<>]=?|[:=]) (?P<value>"[^"]*"|[^\s"]+) | (?P<word>"[^"]*"|[^\s":=<>]+) )
    (?=\s|$)""",
    re.VERBOSE,
)

# Worst first. This happens to be their alphabetical order, which SQL compares by.
_GRADES = GRADES[::-1]


def _text(value: str) -> str:
    return value


def _number(value: str) -> float:
    if not _NUMBER.fullmatch(value):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _number_of(metric: Metric) -> Callable[[str], float]:
    return lambda value: _number(value) * metric.scale


def _one_of(*known: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in known:
            raise ValueError(f"{value!r} is not one of {', '.join(known)}")
        return value

    return read


def _yes(value: str) -> bool:
    return _one_of("yes", "no")(value) == "yes"


def _since(value: str) -> str:
    return format_timestamp(parse_since(value))


def _until(value: str) -> str:
    return format_timestamp(parse_since(value, whole_day=True))


@dataclass(frozen=True)
class Field:
    """A field of the filter language: the column in the store, its operators, and how its value is parsed.

    `read` raises ValueError for an invalid value.
    """

    column: str
    operators: tuple[str, ...]
    read: Callable[[str], Any]


FIELDS = {
    "voice": Field("voice_id", _IS, _text),
    "variant": Field("variant", _IS, _text),
    "machine": Field("machine_id", _IS, _text),
    "engine": Field("engine", _IS, _text),
    "recipe": Field("recipe", _IS, _text),
    "threads": Field("threads", (*_IS, *_ORDER), _number),
    "grade": Field("grade", (*_IS, *_ORDER), _one_of(*_GRADES)),
    "verdict": Field("verdict", _IS, _one_of(*get_args(SpeedVerdict))),
    **{metric.filter: Field(metric.field, _ORDER, _number_of(metric)) for metric in METRICS if metric.filter},
    "version": Field("version", _IS, _text),
    "benchmark": Field("benchmark_id", _IS, _text),
    "noisy": Field("noisy", _IS, _yes),
    "regression": Field("regression", _IS, _yes),
    "since": Field("created_at", _IS, _since),
    "until": Field("created_at", _IS, _until),
}


@dataclass(frozen=True)
class Term:
    """One condition. Without a field, the value is part of the name of a voice or variant."""

    field: str | None
    operator: str
    value: Any
    excluded: bool = False
    """Whether matches are left out instead."""


def read_filter(text: str) -> tuple[Term, ...]:
    """Parse a filter; all of its terms have to match. Raises InvalidInput, which names the first invalid term."""
    terms, at = [], 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        match = _TERM.match(text, at)
        if match is None or rest.startswith("--"):
            raise InvalidInput(
                f'not a filter term: {truncate(rest)!r} (write voice:joe, speedup>1.5, a name, "a name" or -term)'
            )
        terms.append(_term(match))
        at = match.end()
    return tuple(terms)


def _term(match: re.Match[str]) -> Term:
    whole, name, excluded = truncate(match[0]), match["field"], bool(match["excluded"])
    value = (match["value"] or match["word"]).strip('"')
    if not value.isprintable():
        raise InvalidInput(f"{whole!r}: the value contains characters that cannot be printed")
    if name is None:
        return Term(None, ":", value, excluded)
    field = FIELDS.get(name)
    if field is None:
        raise InvalidInput(f"{whole!r}: unknown field {truncate(name)!r} (known: {', '.join(FIELDS)})")
    if match["operator"] not in field.operators:
        known = ", ".join(f"{name}{operator}" for operator in field.operators)
        raise InvalidInput(f"{whole!r}: {name} does not support {match['operator']} (write {known})")
    try:
        return Term(name, match["operator"], field.read(value), excluded)
    except ValueError as error:
        raise InvalidInput(f"{whole!r}: {error}") from None
