"""The filter language: `voice:joe grade>=slight speedup>1.5 machine:this since:2w -noisy:yes`, read into terms."""

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

# The worst first, which is the order of their letters, too: SQL compares those.
_GRADES = GRADES[::-1]


def _text(value: str) -> str:
    return value


def _number(value: str) -> float:
    if not _NUMBER.fullmatch(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _number_of(metric: Metric) -> Callable[[str], float]:
    return lambda value: _number(value) * metric.scale


def _one_of(*known: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in known:
            raise ValueError(f"{value!r} is none of {', '.join(known)}")
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
    """What a term may name: the store's column, how it is compared, and how its value is read, or ValueError raised."""

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
    """One condition. Without a field the value is a part of a voice's or a variant's name."""

    field: str | None
    operator: str
    value: Any
    excluded: bool = False
    """What fits it is left out."""


def read_filter(text: str) -> tuple[Term, ...]:
    """The terms, all of which have to hold. Raises BadInput, which names the first that is wrong and says what there is."""
    terms, at = [], 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        match = _TERM.match(text, at)
        if match is None or rest.startswith("--"):
            raise InvalidInput(
                f'{truncate(rest)!r} is no term: write voice:joe, speedup>1.5, a name, "a name" or -term'
            )
        terms.append(_term(match))
        at = match.end()
    return tuple(terms)


def _term(match: re.Match[str]) -> Term:
    whole, name, excluded = truncate(match[0]), match["field"], bool(match["excluded"])
    value = (match["value"] or match["word"]).strip('"')
    if not value.isprintable():
        raise InvalidInput(f"{whole!r}: its value holds what cannot be printed")
    if name is None:
        return Term(None, ":", value, excluded)
    field = FIELDS.get(name)
    if field is None:
        raise InvalidInput(f"{whole!r}: there is no field {truncate(name)!r}; there is {', '.join(FIELDS)}")
    if match["operator"] not in field.operators:
        known = ", ".join(f"{name}{operator}" for operator in field.operators)
        raise InvalidInput(f"{whole!r}: {match['operator']} does not go with {name}: write {known}")
    try:
        return Term(name, match["operator"], field.read(value), excluded)
    except ValueError as error:
        raise InvalidInput(f"{whole!r}: {error}") from None
