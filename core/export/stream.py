"""JSON text of any length, value by value."""

import json
import re
from typing import Any, TextIO

from core.export.check import InvalidValue
from core.text import truncate

DAMAGED = "it is damaged or broken off"
_CHUNK = 1 << 20
# Of a benchmark, a sample takes about 130 characters: half a million of them fit.
_LONGEST_VALUE = 1 << 26
_SPACE = re.compile(r"[ \t\r\n]*")


class JsonStream:
    """Holds no more of a text than the value that is read, and what was read ahead."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0

    def next(self) -> str:
        """The next character that is no space, which stays; "" at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # It fits nothing, too.
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self, wanted: str) -> str:
        """The next character, which must be one of those that are wanted. Raises Unfit."""
        found = self.next()
        if not found or found not in wanted:
            raise InvalidValue(DAMAGED)
        self._at += 1
        return found

    def value(self) -> Any:
        """The next whole value. Raises Unfit for what is none, and what Python would take though JSON does not know it."""
        self.next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._more():
                    raise InvalidValue(DAMAGED) from error
            except RecursionError as error:
                raise InvalidValue("it is nested too deeply") from error
            except ValueError as error:
                raise InvalidValue("it holds a number of too many digits") from error
            else:
                # Of a number more digits may follow.
                if end < len(self._text) or not self._more():
                    self._at = end
                    return value

    def _more(self) -> bool:
        """Read on: at least as much as is there, so that a long value is not tried too often. False at the end."""
        rest = self._text[self._at :]
        if len(rest) > _LONGEST_VALUE:
            raise InvalidValue("it holds a value that is too long")
        added = self._file.read(len(rest)) + self._file.readline(_CHUNK)
        self._text, self._at = rest + added, 0
        return bool(added)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise InvalidValue(f"it has {truncate(twin)!r} twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise InvalidValue(f"it holds {name}, which is no number")


_DECODER = json.JSONDecoder(object_pairs_hook=_no_twins, parse_constant=_no_constant)
