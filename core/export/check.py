"""Validation of untrusted JSON against the types of dataclasses: exactly the right keys, the right types, plausible values."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from core.text import truncate

Check = Callable[[Any], Any]
"""Returns the value to store. Raises InvalidValue."""

_MAX = 10**12
_MAX_TEXT = 10_000
_MAX_DEPTH = 8


class InvalidValue(Exception):
    """An invalid value; `place` is the path to it, from the outside in."""

    def __init__(self, message: str, place: tuple[str, ...] = (), fix: str = "export it again") -> None:
        super().__init__(f"{', '.join(place)}: {message}" if place else message)
        self.message = message
        self.place = place
        self.fix = fix

    def within(self, place: str) -> "InvalidValue":
        """Return the same error with `place` prepended to its path."""
        return InvalidValue(self.message, (truncate(place), *self.place), self.fix)


def number(value: Any) -> float:
    """Accept a finite number."""
    if type(value) not in (float, int):
        raise InvalidValue(f"{quoted(value)} is not a number")
    if not -_MAX <= value <= _MAX:
        raise InvalidValue(f"{quoted(value)} is out of range")
    return float(value)


def non_negative(value: Any) -> float:
    """Accept a number from 0."""
    found = number(value)
    if found < 0:
        raise InvalidValue(f"{quoted(value)} is below 0")
    return found


def positive(value: Any) -> float:
    """Accept a number above 0."""
    found = number(value)
    if found <= 0:
        raise InvalidValue(f"{quoted(value)} is not above 0")
    return found


def integer(low: int, high: int) -> Check:
    """Accept an integer from `low` to `high`."""

    def check(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise InvalidValue(f"{quoted(value)} is not an integer from {low} to {high}")
        return value

    return check


def boolean(value: Any) -> bool:
    """Accept true and false."""
    if not isinstance(value, bool):
        raise InvalidValue(f"{quoted(value)} is neither true nor false")
    return value


def text(value: Any) -> str:
    """Accept a string that can be encoded as UTF-8."""
    if not isinstance(value, str):
        raise InvalidValue(f"{quoted(value)} is not a string")
    if len(value) > _MAX_TEXT:
        raise InvalidValue(f"{quoted(value)} is longer than {_MAX_TEXT} characters")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(f"{quoted(value)} is not valid Unicode") from error
    return value


def matching(pattern: str, what: str) -> Check:
    """Accept a string that matches a pattern as a whole; messages call it `what`."""
    matches = re.compile(pattern).fullmatch

    def check(value: Any) -> str:
        if not matches(text(value)):
            raise InvalidValue(f"{quoted(value)} is not a {what}")
        return str(value)

    return check


def one_of(known: Collection[Any]) -> Check:
    """Accept one of the known values."""

    def check(value: Any) -> Any:
        if value not in known:
            raise InvalidValue(f"{quoted(value)} is not one of {', '.join(map(str, known))}")
        return value

    return check


def optional(check: Check) -> Check:
    """Accept null, too."""
    return lambda value: None if value is None else check(value)


def list_of(check: Check) -> Check:
    """Accept a list, as a tuple, of values that pass `check`."""

    def check_all(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise InvalidValue(f"{quoted(value)} is not a list")
        return tuple(within(f"number {place}", check, element) for place, element in enumerate(value, 1))

    return check_all


def mapping_of(check: Check) -> Check:
    """Accept an object with any keys whose values pass `check`."""

    def check_all(value: Any) -> dict[str, Any]:
        return {within("a key", text, key): within(key, check, member) for key, member in _object(value).items()}

    return check_all


def plain_object(value: Any) -> dict[str, Any]:
    """Accept any object of plain JSON values."""
    _check_plain(_object(value))
    return dict(value)


def _check_plain(value: Any, depth: int = 0) -> None:
    if depth == _MAX_DEPTH:
        raise InvalidValue("it is nested too deeply")
    if isinstance(value, dict | list):
        for inner in [*value.keys(), *value.values()] if isinstance(value, dict) else value:
            _check_plain(inner, depth + 1)
    elif isinstance(value, str):
        text(value)
    elif value is not None and not isinstance(value, bool):
        number(value)


def members(value: Any, checks: Mapping[str, Check]) -> dict[str, Any]:
    """Accept an object with exactly these members."""
    given = _object(value)
    if missing := checks.keys() - given.keys():
        raise InvalidValue(f"{quoted(min(missing))} is missing")
    if unknown := given.keys() - checks.keys():
        raise InvalidValue(f"{quoted(min(unknown))} is unknown")
    found = {}
    for name, check in checks.items():
        try:
            found[name] = check(given[name])
        except InvalidValue as error:
            raise error.within(name) from None
    return found


def dataclass_of(kind: type[Any], **special: Check) -> Check:
    """Accept an object with the fields of a dataclass; fields are checked by their types or by the checks in `special`."""
    hints = get_type_hints(kind)
    checks = {field.name: special.get(field.name) or check_for(hints[field.name]) for field in fields(kind)}
    return lambda value: kind(**members(value, checks))


def check_for(hint: Any) -> Check:
    """Return the check for values of a type."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    if is_dataclass(hint) and isinstance(hint, type):
        return dataclass_of(hint)
    inner = get_args(hint)
    if get_origin(hint) is tuple:
        return list_of(check_for(inner[0]))
    if NoneType not in inner:
        raise TypeError(f"no check for {hint}")
    return optional(check_for(next(kind for kind in inner if kind is not NoneType)))


_PLAIN: dict[Any, Check] = {
    float: non_negative,
    int: integer(0, _MAX),
    bool: boolean,
    str: text,
    dict[str, Any]: plain_object,
    dict[str, str]: mapping_of(text),
}


def within(place: str, check: Check, value: Any) -> Any:
    """Return what `check` returns, with `place` prepended to the path of its errors."""
    try:
        return check(value)
    except InvalidValue as error:
        raise error.within(place) from None


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidValue(f"{quoted(value)} is not an object")
    return value


def quoted(value: Any) -> str:
    """Return a short form of a JSON value for messages."""
    # A value may have millions of characters, or of digits, which Python refuses to format.
    if isinstance(value, str):
        return repr(truncate(value, 40))
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return truncate(value, 40) if isinstance(value, float) or abs(value) < 1e30 else "a very long number"
