"""The reader of exports as JSON or JSON Lines. It checks everything and keeps one benchmark at a time in memory."""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from core.errors import InvalidInput
from core.export.check import InvalidValue, within
from core.export.document import Tally, check_header, dump, load_benchmark
from core.export.stream import DAMAGED, JsonStream
from core.records.benchmarks import BenchmarkRecord

_HOW_TO_EXPORT = "export with `ttsdash results export --format jsonl`"


def read_export(file: BinaryIO, name: str) -> Iterator[BenchmarkRecord]:
    """Yield the benchmarks of a file, which messages call `name`.

    Raises InvalidInput for anything that ttsdash does not write, and at the end if the file is incomplete or was altered.
    """
    characters = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        yield from _benchmarks(JsonStream(characters))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"cannot import {name}: it is not UTF-8: {_HOW_TO_EXPORT}") from error
    except InvalidValue as error:
        raise InvalidInput(f"cannot import {name}: {error}: {error.fix}") from error
    finally:
        characters.detach()


def _benchmarks(stream: JsonStream) -> Iterator[BenchmarkRecord]:
    if stream.next() != "{":
        raise InvalidValue("it is neither JSON nor JSON Lines", fix=_HOW_TO_EXPORT)
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
                raise InvalidValue(f"it contains {one} twice")
            ids.add(one)
        tally.add(dump(document))
        yield record
    else:
        raise InvalidValue(DAMAGED)
    if document != tally.shape() or stream.next():
        raise InvalidValue("it was altered: its checksum does not match")


def _members(stream: JsonStream) -> tuple[dict[str, Any], bool]:
    """Read the members of an object up to its end or its array of benchmarks; return them and whether the array follows."""
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
    """Yield the elements of the array, then the members after it as one object."""
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
