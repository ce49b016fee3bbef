"""A reader of JSON text of any length, value by value."""

import json
import re
from typing import Any, TextIO

from core.export.check import InvalidValue
from core.text import truncate

DAMAGED = "it is damaged or incomplete"
_CHUNK = 1 << 20
# A benchmark takes about 130 characters per sample: half a million samples fit.
_MAX_LENGTH = 1 << 26
_SPACE = re.compile(r"[ \t\r\n]*")


class JsonStream:
    """A JSON text of which only the current value and what was read ahead is kept in memory."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0

    def next(self) -> str:
        """Return the next non-space character without consuming it; "" at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # The pattern also matches the empty string.
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self, wanted: str) -> str:
        """Consume and return the next character, which must be one of `wanted`. Raises InvalidValue."""
        found = self.next()
        if not found or found not in wanted:
            raise InvalidValue(DAMAGED)
        self._at += 1
        return found

    def value(self) -> Any:
        """Consume and return the next value. Raises InvalidValue for anything that is not strict JSON."""
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
                raise InvalidValue("it contains a number with too many digits") from error
            else:
                # More digits of a number may follow.
                if end < len(self._text) or not self._more():
                    self._at = end
                    return value

    def _more(self) -> bool:
        """Read at least as much again, so that a long value is not parsed too often. Return False at the end."""
        rest = self._text[self._at :]
        if len(rest) > _MAX_LENGTH:
            raise InvalidValue("it contains a value that is too long")
        added = self._file.read(len(rest)) + self._file.readline(_CHUNK)
        self._text, self._at = rest + added, 0
        return bool(added)


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in names if names.count(name) > 1)
        raise InvalidValue(f"it contains {truncate(duplicate)!r} twice in one object")
    return found


def _refuse_constant(name: str) -> Any:
    raise InvalidValue(f"it contains {name}, which is not a number")


_DECODER = json.JSONDecoder(object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant)
