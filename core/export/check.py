"""Values of a file that anybody may have written, held against the types of our dataclasses: no key more or less,
nothing of another type, nothing absurd."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from core.text import truncate

Check = Callable[[Any], Any]
"""Gives back the value as it is to be kept. Raises Unfit."""

_MOST = 10**12
_LONGEST_TEXT = 10_000
_DEEPEST = 8


class InvalidValue(Exception):
    """What cannot be, and where it stands, from the outside in."""

    def __init__(self, says: str, place: tuple[str, ...] = (), mend: str = "export it again") -> None:
        super().__init__(": ".join([", ".join(place), says] if place else [says]))
        self.says = says
        self.place = place
        self.mend = mend

    def within(self, place: str) -> "InvalidValue":
        return InvalidValue(self.says, (truncate(place), *self.place), self.mend)


def number(value: Any) -> float:
    if type(value) not in (float, int):
        raise InvalidValue(f"{quoted(value)} is no number")
    if not -_MOST <= value <= _MOST:
        raise InvalidValue(f"{quoted(value)} cannot be measured")
    return float(value)


def non_negative(value: Any) -> float:
    found = number(value)
    if found < 0:
        raise InvalidValue(f"{quoted(value)} is below 0")
    return found


def positive(value: Any) -> float:
    found = number(value)
    if found <= 0:
        raise InvalidValue(f"{quoted(value)} is not above 0")
    return found


def integer(least: int, most: int) -> Check:
    def check(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise InvalidValue(f"{quoted(value)} is no whole number from {least} to {most}")
        return value

    return check


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue(f"{quoted(value)} is neither true nor false")
    return value


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f"{quoted(value)} is no text")
    if len(value) > _LONGEST_TEXT:
        raise InvalidValue(f"{quoted(value)} is longer than {_LONGEST_TEXT} characters")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(f"{quoted(value)} is no Unicode text") from error
    return value


def matching(pattern: str, what: str) -> Check:
    fits = re.compile(pattern).fullmatch

    def check(value: Any) -> str:
        if not fits(text(value)):
            raise InvalidValue(f"{quoted(value)} is no {what}")
        return str(value)

    return check


def one_of(known: Collection[Any]) -> Check:
    def check(value: Any) -> Any:
        if value not in known:
            raise InvalidValue(f"{quoted(value)} is none of {', '.join(map(str, known))}")
        return value

    return check


def optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def list_of(check: Check) -> Check:
    def check_all(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise InvalidValue(f"{quoted(value)} is no list")
        return tuple(within(f"number {place}", check, element) for place, element in enumerate(value, 1))

    return check_all


def mapping_of(check: Check) -> Check:
    def check_all(value: Any) -> dict[str, Any]:
        return {within("a key", text, key): within(key, check, given) for key, given in _object(value).items()}

    return check_all


def plain_object(value: Any) -> dict[str, Any]:
    """Any object of plain values."""
    _check_plain(_object(value))
    return dict(value)


def _check_plain(value: Any, depth: int = 0) -> None:
    if depth == _DEEPEST:
        raise InvalidValue("it is nested too deeply")
    if isinstance(value, dict | list):
        for inner in [*value.keys(), *value.values()] if isinstance(value, dict) else value:
            _check_plain(inner, depth + 1)
    elif isinstance(value, str):
        text(value)
    elif value is not None and not isinstance(value, bool):
        number(value)


def members(value: Any, checks: Mapping[str, Check]) -> dict[str, Any]:
    """The members of an object that has just these."""
    given = _object(value)
    for says, names in (("is missing", checks.keys() - given.keys()), ("is unknown", given.keys() - checks.keys())):
        if names:
            raise InvalidValue(f"{quoted(min(names))} {says}")
    found = {}
    for name, check in checks.items():
        try:
            found[name] = check(given[name])
        except InvalidValue as error:
            raise error.within(name) from None
    return found


def dataclass_of(kind: type[Any], **special: Check) -> Check:
    """Makes a dataclass of an object that has its fields; a field is checked by its type, or as `special` says."""
    hints = get_type_hints(kind)
    checks = {field.name: special.get(field.name) or check_for(hints[field.name]) for field in fields(kind)}
    return lambda value: kind(**members(value, checks))


def check_for(hint: Any) -> Check:
    """What checks a value of that type."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    if is_dataclass(hint) and isinstance(hint, type):
        return dataclass_of(hint)
    inner = get_args(hint)
    if get_origin(hint) is tuple:
        return list_of(check_for(inner[0]))
    if NoneType not in inner:
        raise TypeError(f"nothing checks {hint}")
    return optional(check_for(next(kind for kind in inner if kind is not NoneType)))


_PLAIN: dict[Any, Check] = {
    float: non_negative,
    int: integer(0, _MOST),
    bool: boolean,
    str: text,
    dict[str, Any]: plain_object,
    dict[str, str]: mapping_of(text),
}


def within(place: str, check: Check, value: Any) -> Any:
    """What the check gives; what it raises says where."""
    try:
        return check(value)
    except InvalidValue as error:
        raise error.within(place) from None


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidValue(f"{quoted(value)} is no object")
    return value


def quoted(value: Any) -> str:
    # Only the beginning: the whole may have millions of characters, or of digits, which Python does not even write.
    if isinstance(value, str):
        return repr(truncate(value, 40))
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return truncate(value, 40) if isinstance(value, float) or abs(value) < 1e30 else "a number of many digits"
