"""Benchmarks out of an export as JSON or JSON Lines, checked on the way; no more than one of them is held."""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from core.errors import InvalidInput
from core.export.check import InvalidValue, within
from core.export.document import Tally, check_header, dump, load_benchmark
from core.export.stream import DAMAGED, JsonStream
from core.records.benchmarks import BenchmarkRecord

_MAKE_ONE = "make one with `ttsdash results export --format jsonl`"


def read_export(file: BinaryIO, name: str) -> Iterator[BenchmarkRecord]:
    """The benchmarks of a file, which messages call `name`.

    Raises BadInput for what ttsdash does not write, and at the end if the file is not whole or not as it was written.
    """
    characters = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        yield from _benchmarks(JsonStream(characters))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"cannot import {name}: it is not UTF-8: {_MAKE_ONE}") from error
    except InvalidValue as error:
        raise InvalidInput(f"cannot import {name}: {error}: {error.mend}") from error
    finally:
        characters.detach()


def _benchmarks(stream: JsonStream) -> Iterator[BenchmarkRecord]:
    if stream.next() != "{":
        raise InvalidValue("it is neither JSON nor JSON Lines", mend=_MAKE_ONE)
    stream.take("{")
    header, has_array = _members(stream)
    check_header(header)
    tally, ids = Tally(), set[str]()
    for document in _array(stream) if has_array else _lines(stream):
        if isinstance(document, dict) and document.keys() == tally.shape().keys():
            break
        record: BenchmarkRecord = within(f"benchmark {tally.count + 1}", load_benchmark, document)
        for one in (record.id, *(result.id for result in record.results)):
            if one in ids:
                raise InvalidValue(f"it has {one} twice")
            ids.add(one)
        tally.add(dump(document))
        yield record
    else:
        raise InvalidValue(DAMAGED)
    if document != tally.shape() or stream.next():
        raise InvalidValue("it is not as it was written: its checksum is another")


def _members(stream: JsonStream) -> tuple[dict[str, Any], bool]:
    """The members of an object that has begun: all, or those before its array of benchmarks, and whether that comes."""
    found: dict[str, Any] = {}
    while True:
        name = stream.value()
        stream.take(":")
        if name == "benchmarks":
            return found, True
        if not isinstance(name, str) or name in found:
            raise InvalidValue(DAMAGED)
        found[name] = stream.value()
        if stream.take(",}") == "}":
            return found, False


def _array(stream: JsonStream) -> Iterator[Any]:
    """Its elements, then, as an object of its own, what stands behind it."""
    stream.take("[")
    if stream.next() == "]":
        stream.take("]")
    else:
        yield stream.value()
        while stream.take(",]") == ",":
            yield stream.value()
    stream.take(",")
    yield _members(stream)[0]


def _lines(stream: JsonStream) -> Iterator[Any]:
    while stream.next():
        yield stream.value()
