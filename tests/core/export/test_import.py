"""Imports: nothing is lost, and a file that is not a complete export changes nothing."""

import io
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput, TtsdashError
from core.export import ingest as ingest_module
from core.export import stream
from core.export.document import FORMAT, Tally, dump, dump_benchmark, header, load_benchmark
from core.export.ingest import Ingested, ingest
from core.export.read import read_export
from core.hardware.limits import Limits
from core.records.benchmarks import BenchmarkRecord, ParallelRun, ResultRecord, Sample, Startup, TextMetrics, TextSound
from core.records.metrics import LATER_METRICS
from core.store.database import open_store, transaction
from core.store.results import list_results, read_benchmark
from core.workspace import Workspace
from tests.core.export.benchmarks import (
    benchmark,
    environment,
    evil_benchmark,
    identity,
    machine,
    put,
    with_figures,
    written,
)
from tests.measured import changed

TABLES = (
    "machines",
    "environments",
    "benchmarks",
    "results",
    "samples",
    "starts",
    "parallel_runs",
    "result_texts",
    "result_sounds",
)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Return the store of another machine."""
    with closing(open_store(Workspace(tmp_path / "other"))) as db:
        yield db


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """Return a history shared by all tests that do not change it."""
    with closing(open_store(Workspace(tmp_path_factory.mktemp("history")))) as db:
        put(db, benchmark(9))
        yield db


def take_in(db: sqlite3.Connection, text: str) -> Ingested:
    return ingest(db, io.BytesIO(text.encode()), "history.json")


def rows_of(db: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {table: sorted(map(tuple, db.execute(f"SELECT * FROM {table}")), key=repr) for table in TABLES}


def lines_of(*documents: Any) -> str:
    """Return an export of any documents with a valid checksum."""
    tally = Tally()
    for document in documents:
        tally.add(dump(document))
    return "\n".join([dump(header()), *map(dump, documents), dump(tally.shape())]) + "\n"


def document_of(record: BenchmarkRecord) -> Any:
    return json.loads(dump_benchmark(record))


def refused(db: sqlite3.Connection, content: str | bytes) -> str:
    """Import an invalid file; return the error, and check that nothing has changed."""
    before = "\n".join(db.iterdump())
    with pytest.raises(InvalidInput) as caught:
        ingest(db, io.BytesIO(content if isinstance(content, bytes) else content.encode()), "history.json")
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert message.startswith("cannot import history.json: ")
    assert len(message) < 400
    assert "\n".join(db.iterdump()) == before
    return message


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_the_round_trip_loses_nothing(name: str, db: sqlite3.Connection, other: sqlite3.Connection) -> None:
    worse = {"worse": ["speed-up 1.50x, was 1.80x"], "changed": [], "against": [identity("before")]}
    put(
        db,
        with_figures(benchmark(1), rtf=0.1 + 0.2, peak_rss_mb=1e-300, size_bytes=2**39, regression=worse),
        benchmark(2, machine=machine("Other CPU"), environment=environment(numpy="2.4")),
        evil_benchmark_of_its_own(),
    )
    assert take_in(other, written(db, name)) == Ingested(added=3, skipped=0, results=18)
    assert rows_of(other) == rows_of(db)
    assert list_results(other) == list_results(db)
    assert written(other, name) == written(db, name)


def test_an_export_of_the_previous_format_can_be_imported(db: sqlite3.Connection) -> None:
    """It has no `others_share` of samples."""
    document = document_of(benchmark(1))
    for result in document["results"]:
        for sample in result["samples"]:
            del sample["others_share"]
    text = lines_of(document).replace(f'"format":{FORMAT}', '"format":1', 1)
    assert take_in(db, text) == Ingested(added=1, skipped=0, results=6)
    assert {tuple(row) for row in db.execute("SELECT DISTINCT others_share FROM samples")} == {(None,)}


def test_an_export_of_the_second_format_can_be_imported(db: sqlite3.Connection) -> None:
    """It has none of the metrics that were added since, and no sound of each text."""
    document = document_of(benchmark(1))
    for result in document["results"]:
        del result["sounds"]
        for name in LATER_METRICS:
            del result["figures"][name]
    assert take_in(db, lines_of(document).replace(f'"format":{FORMAT}', '"format":2', 1)) == Ingested(1, 0, 6)
    assert {getattr(result, name) for result in list_results(db) for name in LATER_METRICS} == {None}


def evil_benchmark_of_its_own() -> BenchmarkRecord:
    record = evil_benchmark()
    results = tuple(changed(one, id=identity("evil", number)) for number, one in enumerate(record.results))
    return replace(record, id=identity("evil"), created_at="2026-02-01T02:00:00.000Z", results=results)


def test_known_benchmarks_are_skipped(db: sqlite3.Connection, other: sqlite3.Connection) -> None:
    put(db, benchmark(1))
    take_in(other, written(db, "json"))
    put(db, benchmark(2))
    before = rows_of(db)
    assert take_in(other, written(db, "json")) == Ingested(added=1, skipped=1, results=6)
    assert take_in(db, written(other, "jsonl")) == Ingested(added=0, skipped=2, results=0)
    assert rows_of(db) == before == rows_of(other)


def test_benchmarks_pruned_on_one_side_are_skipped_on_the_other(
    db: sqlite3.Connection, other: sqlite3.Connection
) -> None:
    put(db, benchmark(1))
    whole = written(db, "jsonl")
    take_in(other, whole)
    with transaction(db):
        for table in ("samples", "starts", "parallel_runs"):
            db.execute(f"DELETE FROM {table}")
    assert take_in(other, written(db, "jsonl")) == take_in(db, whole) == Ingested(added=0, skipped=1, results=0)
    assert len(read_benchmark(other, identity(1)).results[0].samples) == 4


def test_reformatted_json_is_equivalent(db: sqlite3.Connection, other: sqlite3.Connection) -> None:
    put(db, benchmark(1), benchmark(2))
    take_in(other, json.dumps(json.loads(written(db, "json")), indent=4, ensure_ascii=False))
    assert rows_of(other) == rows_of(db)


def test_an_export_can_be_piped(db: sqlite3.Connection, other: sqlite3.Connection) -> None:
    put(db, benchmark(1))
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        pipe.write(written(db, "jsonl"))
    with os.fdopen(reading, "rb") as pipe_end:
        assert ingest(other, pipe_end, "a pipe").added == 1


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_a_long_history_is_not_kept_in_memory(name: str, db: sqlite3.Connection) -> None:
    put(db, *(benchmark(number) for number in range(1, 29)))
    file = io.BytesIO(written(db, name).encode())
    records = read_export(file, "history.json")
    assert next(records).id == identity(1)
    assert file.tell() < len(file.getvalue()) / 5
    assert len(list(records)) == 27


@pytest.mark.parametrize("name", ["json", "jsonl"])
@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
def test_chunk_boundaries_do_not_matter(
    chunk: int, name: str, db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [benchmark(number, results=()) for number in range(1, 13)]
    put(db, *records)
    monkeypatch.setattr(stream, "_CHUNK", chunk)
    assert list(read_export(io.BytesIO(written(db, name).encode()), "history.json")) == records


def test_a_number_is_read_to_its_last_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_CHUNK", 1)
    numbers = stream.JsonStream(io.StringIO("12 345"))
    assert [numbers.value(), numbers.value(), numbers.next()] == [12, 345, ""]


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
times = st.floats(0, 1e9, exclude_min=True, allow_subnormal=False)
amounts = st.floats(0, 1e9, allow_subnormal=False) | st.integers(0, 10**6).map(float)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
plain_objects = st.dictionaries(words, plain, max_size=3)


@st.composite
def results(draw: st.DrawFn, number: int) -> ResultRecord:
    figures = dict(benchmark().results[0].figures)
    empty = draw(st.booleans())
    low, speedup, high = sorted(draw(st.tuples(times, times, times)))
    timed = {"speedup": speedup, "speedup_low": low, "speedup_high": high, "verdict": "slower", "rtf": draw(times)}
    figures |= dict.fromkeys(timed) if empty else timed
    figures |= {
        "id": identity("drawn", number),
        "variant": draw(words.filter(bool)),
        "energy_j": draw(st.none() | amounts),
        "pesq": draw(st.none() | st.floats(-1, 5)),
        "grade": draw(st.sampled_from([None, "transparent", "broken"])),
        "unmeasured": draw(st.dictionaries(words, words, max_size=3)),
        "defects": draw(st.dictionaries(words, st.integers(0, 10), max_size=3)),
    }
    keys = draw(st.lists(st.tuples(st.integers(0, 99), words), unique=True, max_size=4))
    numbers = draw(st.lists(st.integers(0, 99), unique=True, max_size=3))
    names = draw(st.lists(words, unique=True, max_size=3))
    return ResultRecord.from_figures(
        figures,
        samples=tuple(
            Sample(
                pair, text, draw(times), draw(times), draw(st.none() | amounts), others_share=draw(st.none() | amounts)
            )
            for pair, text in keys
        ),
        starts=tuple(Startup(start, draw(st.booleans()), draw(amounts), draw(amounts)) for start in numbers),
        parallel_runs=tuple(ParallelRun(run, draw(st.integers(0, 99)), draw(times), draw(times)) for run in numbers),
        texts=tuple(TextMetrics(name, *(draw(amounts) for _ in fields(TextMetrics)[1:])) for name in names),
        sounds=tuple(TextSound(name, *(draw(amounts) for _ in fields(TextSound)[1:])) for name in names),
    )


@st.composite
def benchmarks(draw: st.DrawFn) -> BenchmarkRecord:
    return benchmark(
        voice_key=draw(words.filter(bool)),
        machine=machine(draw(words.filter(bool)), draw(st.integers(1, 999))),
        environment=environment(**draw(st.dictionaries(words, words, max_size=3))),
        texts=draw(plain_objects),
        load=draw(plain_objects),
        results=tuple(draw(results(number)) for number in range(draw(st.integers(0, 2)))),
    )


@given(benchmarks())
def test_any_benchmark_survives_the_round_trip(record: BenchmarkRecord) -> None:
    assert load_benchmark(document_of(record)) == record


# The smallest export to damage: one result with one sample.
SMALL = replace(
    benchmark(), results=tuple(replace(one, samples=one.samples[:1]) for one in benchmark().results[:1]), texts={}
)
DAMAGES: dict[str, Callable[[bytes, int], bytes]] = {
    "a bit is turned": lambda content, at: content[:at] + bytes([content[at] ^ 1 << at % 7]) + content[at + 1 :],
    "the high bit is turned": lambda content, at: content[:at] + bytes([content[at] ^ 128]) + content[at + 1 :],
    "a byte is lost": lambda content, at: content[:at] + content[at + 1 :],
    "it is broken off": lambda content, at: content[:at],
    "its end is lost, and its start comes again": lambda content, at: content[:at] + content[: len(content) - at],
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_a_damaged_file_is_refused_or_equivalent(name: str, damage: str, db: sqlite3.Connection) -> None:
    put(db, SMALL)
    content = written(db, name).encode()
    same = 0
    for at in range(0 if damage == "it is broken off" else 1, len(content)):
        try:
            found = list(read_export(io.BytesIO(DAMAGES[damage](content, at)), "history.json"))
        except InvalidInput as error:
            assert len(str(error)) < 400
        else:
            same += 1
            assert found == [SMALL]
    # The version of the program, spaces, the end of the line.
    assert same < 20


def test_a_file_that_is_damaged_at_its_end_changes_nothing(db: sqlite3.Connection, other: sqlite3.Connection) -> None:
    put(db, benchmark(1), benchmark(2))
    put(other, benchmark(3))
    lines = written(db, "jsonl").splitlines(keepends=True)
    for content in (
        "".join(lines[:-1]),
        "".join(lines)[:-20],
        "".join([*lines[:-2], lines[-1]]),
        "".join([lines[0], lines[2], lines[1], lines[3]]),
        "".join([*lines, lines[1]]),
        "".join(lines).replace("0.1,", "0.2,", 1),
    ):
        assert "export it again" in refused(other, content)


Place = tuple[Any, ...]
FIGURES = ("results", 5, "figures")
LIMITS = Limits(machine_cores=4, cores=1).to_json()


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("id",), "b1", "benchmark 1, id: 'b1' is not a UUID"),
        (("id",), identity(1).upper(), "is not a UUID"),
        (("id",), 7, "7 is not a string"),
        (("voice_id",), "x" * 64, "is not a SHA-256"),
        (("voice_key",), "", "is not a name"),
        (("voice_key",), "x" * 301, "is not a name"),
        (("voice_key",), "\ud800", "is not valid Unicode"),
        (("voice_key",), None, "null is not a string"),
        (("version",), "v1", "is not a benchmark version"),
        (("created_at",), "yesterday", "is not a time such as"),
        (("created_at",), "2026-01-01", "is not a time such as"),
        (("created_at",), "2026-01-01T02:00:00.000+00:00", "is not a time such as"),
        (("created_at",), "2026-13-01T02:00:00.000Z", "is not a time such as"),
        (("created_at",), "9999-12-31T23:59:59.999Z", "is in the future or before 2000"),
        (("created_at",), "1999-12-31T23:59:59.999Z", "is in the future or before 2000"),
        (("machine", "id"), "0123456789ab", "machine: its id is not the fingerprint of its facts"),
        (("machine", "facts", "cores"), 3, "its id is not the fingerprint"),
        (("machine", "facts", "cores"), True, "machine, cores: true is not an integer"),
        (("machine", "facts"), {}, "cpu: null is not a string"),
        (("machine", "facts"), [], "a list is not an object"),
        (("environment", "versions", "kernel"), "6.2.0", "environment: its id is not the fingerprint"),
        (("environment", "versions", "kernel"), 6, "environment, versions, kernel: 6 is not a string"),
        (("load",), {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}, "nested too deeply"),
        (("load",), {"a": 10**13}, "is out of range"),
        (("load",), {"limits": {"nice": 15}}, "load, limits: 'address_space_mb' is missing"),
        (("load",), {"limits": LIMITS | {"cores": 0}}, "load, limits, cores: 0 is not an integer from 1"),
        (("load",), {"limits": LIMITS | {"variables": [7]}}, "limits, variables, number 1: 7 is not a string"),
        (("load",), {"limits": LIMITS | {"scheduling": "\x1b[2J"}}, "is not a scheduling policy"),
        (("texts",), {"a": "x" * 10_001}, "is longer than 10000 characters"),
        (("job_id",), 7, "'job_id' is unknown"),
        (("results",), {}, "results: an object is not a list"),
        ((*FIGURES, "id"), identity(1, "original", 1), "is listed twice"),
        ((*FIGURES, "id, id"), 1, "'id, id' is unknown"),
        ((*FIGURES, "speedup"), "fast", "results, number 6, figures, speedup: 'fast' is not a number"),
        ((*FIGURES, "speedup"), True, "true is not a number"),
        ((*FIGURES, "speedup"), -1.5, "-1.5 is not above 0"),
        ((*FIGURES, "speedup"), None, "are inconsistent"),
        ((*FIGURES, "speedup_low"), 99.0, "are inconsistent"),
        ((*FIGURES, "rtf"), 0, "0 is not above 0"),
        ((*FIGURES, "rtf"), 1e13, "is out of range"),
        ((*FIGURES, "energy_j"), -1, "-1 is below 0"),
        ((*FIGURES, "verdict"), "great", "'great' is not one of faster, slower, no difference"),
        ((*FIGURES, "grade"), "great", "'great' is not one of"),
        ((*FIGURES, "grade"), ["broken"], "a list is not one of"),
        ((*FIGURES, "threads"), 0, "0 is not an integer from 1"),
        ((*FIGURES, "threads"), 10**6, "is not an integer"),
        ((*FIGURES, "threads"), 2.0, "2.0 is not an integer"),
        ((*FIGURES, "size_bytes"), 0, "0 is not an integer from 1"),
        ((*FIGURES, "noisy"), 1, "1 is neither true nor false"),
        ((*FIGURES, "defects"), {"clipped": -1}, "defects, clipped: -1 is not an integer"),
        ((*FIGURES, "unmeasured"), {"rtf": 1}, "unmeasured, rtf: 1 is not a string"),
        ((*FIGURES, "regression"), {"worse": ["a"], "changed": [1], "against": []}, "regression, changed, number 1"),
        ((*FIGURES, "regression"), {"worse": ["a"]}, "'against' is missing"),
        (("results", 5, "samples", 0, "seconds"), 0.0, "samples, number 1, seconds: 0.0 is not above 0"),
        (("results", 5, "samples", 0, "pair"), 1, "(1, 'long') is listed twice"),
        (("results", 5, "samples", 0, "pair"), 9, "the original has no sample for pair 9"),
        (("results", 5, "samples", 0, "joules"), "1", "joules: '1' is not a number"),
        (("results", 5, "starts", 1, "number"), 0, "0 is listed twice"),
        (("results", 5, "starts", 1, "cold"), 0, "0 is neither true nor false"),
        (("results", 5, "texts", 0, "text"), "short", "short is listed twice"),
        (("results", 5, "parallel_runs", 0, "number"), 1, "1 is listed twice"),
        (("results", 5, "texts", 0, "rtf"), -1, "-1 is below 0"),
        (("results", 5, "parallel_runs", 0, "seconds"), 0, "0 is not above 0"),
    ],
)
def test_invalid_benchmarks_are_refused(path: Place, value: Any, message: str, history: sqlite3.Connection) -> None:
    """The checksum is valid, as in a forged file."""
    assert message in refused(history, lines_of(_with(path, value)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("load",), {"a": {"b": {"c": {"d": {"e": {"f": {"g": {}}}}}}}}),
        (("results",), []),
        ((*FIGURES, "pesq"), -0.5),
        ((*FIGURES, "regression"), {"worse": ["a"], "changed": [], "against": []}),
    ],
)
def test_unusual_but_valid_values_are_accepted(path: Place, value: Any) -> None:
    assert load_benchmark(_with(path, value))


def _with(path: Place, value: Any) -> Any:
    """Return the document of a benchmark with one value replaced."""
    document = inner = document_of(benchmark())
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return document


@pytest.mark.parametrize("name", sorted(document_of(benchmark())))
def test_a_benchmark_with_a_missing_key_is_refused(name: str, history: sqlite3.Connection) -> None:
    document = document_of(benchmark())
    del document[name]
    assert f"{name!r} is missing" in refused(history, lines_of(document))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "neither JSON nor JSON Lines: export with `ttsdash results export"),
        ("created_at,id,voice\r\n", "neither JSON nor JSON Lines: export"),
        ("| created_at | id |\n", "neither JSON nor JSON Lines: export"),
        ("<!doctype html>\n", "neither JSON nor JSON Lines: export"),
        ("SQLite format 3\0", "neither JSON nor JSON Lines: export"),
        (b"\xff\xfe{\x00", "is not UTF-8"),
        (b'{"program":"\xff"}', "is not UTF-8"),
        ("{}", "damaged or incomplete"),
        ('{"name": "left-pad"}', "it is not an export of ttsdash"),
        ('{"program":"ttsdash","version":"9","format":true}', "it is not an export of ttsdash"),
        ('{"program":"ttsdash","version":"9","format":0}\n', "0 is not one of 1, 2, 3"),
        (
            '{"program":"ttsdash","version":"9","format":4}\nwhat nobody knows',
            "newer ttsdash (format 4, supported: 3): update",
        ),
        (
            '{"program":"ttsdash","format":4,"more":{},"benchmarks":"elsewhere"}',
            "newer ttsdash (format 4, supported: 3)",
        ),
        (dump(header()), "damaged or incomplete"),
        (dump(header()) + '\n{"a":NaN}', "it contains NaN"),
        (dump(header()) + '\n{"a":-Infinity}', "it contains -Infinity"),
        (dump(header()) + '\n{"a":1,"a":2}', "it contains 'a' twice in one object"),
        (dump(header()) + "\n" + "[" * 100_000, "nested too deeply"),
        (dump(header()) + "\n" + "9" * 5000, "a number with too many digits"),
        (dump(header()) + "\n[1]", "benchmark 1: a list is not an object"),
        (dump(header())[:-1] + ',"benchmarks":[],"count":0}', "is missing"),
        (dump(header())[:-1] + ',"benchmarks":[],"count":0,"sha256":""}', "checksum does not match"),
    ],
)
def test_a_file_that_is_not_an_export_is_refused(
    content: str | bytes, message: str, history: sqlite3.Connection
) -> None:
    assert FORMAT == 3
    assert message in refused(history, content)


def test_an_endless_value_is_not_read_completely(history: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_MAX_LENGTH", 10_000)
    monkeypatch.setattr(stream, "_CHUNK", 1_000)
    file = io.BytesIO((dump(header()) + '\n"' + "x" * 1_000_000).encode())
    with pytest.raises(InvalidInput, match="too long"):
        ingest(history, file, "history.json")
    assert file.tell() < 100_000


def test_a_number_too_large_for_python_to_hold_is_refused(db: sqlite3.Connection) -> None:
    put(db, SMALL)
    assert "inf is out of range" in refused(db, written(db, "jsonl").replace('"seconds":0.1', '"seconds":1e999'))


def test_duplicates_in_one_file_are_refused(history: sqlite3.Connection) -> None:
    document = document_of(benchmark(1))
    assert f"it contains {identity(1)} twice" in refused(history, lines_of(document, document))
    borrowed = document_of(replace(benchmark(2), results=benchmark(1).results))
    assert "twice" in refused(history, lines_of(document, borrowed))


@pytest.mark.parametrize(
    ("record", "names"),
    [
        (with_figures(benchmark(9), rtf=9.0), f"benchmark {identity(9)}"),
        (benchmark(9, voice_key="bob"), f"benchmark {identity(9)}"),
        (replace(benchmark(9), results=benchmark(9).results[:-1]), f"benchmark {identity(9)}"),
        (replace(benchmark(2), results=benchmark(9).results[:1]), f"result {identity(9, 'original', 1)}"),
        (
            replace(benchmark(9), results=tuple(replace(one, starts=one.starts[:1]) for one in benchmark(9).results)),
            f"benchmark {identity(9)}",
        ),
    ],
)
def test_contradictions_to_the_history_are_refused(
    record: BenchmarkRecord, names: str, history: sqlite3.Connection
) -> None:
    message = refused(history, lines_of(document_of(benchmark(3)), document_of(record)))
    assert f"{names} is in the history with different content" in message


@pytest.mark.parametrize("table", ["machines", "environments"])
def test_a_machine_or_environment_with_other_content_is_refused(table: str, db: sqlite3.Connection) -> None:
    put(db, benchmark(1))
    column = "facts" if table == "machines" else "versions"
    with transaction(db):
        db.execute(f"UPDATE {table} SET {column} = '{{}}'")
    assert "is in the history with different content" in refused(db, lines_of(document_of(benchmark(2))))


def test_concurrent_imports_store_nothing_twice(
    db: sqlite3.Connection, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other import happens between the check and the transaction."""
    move = ingest_module._move

    def late(connection: sqlite3.Connection) -> None:
        with closing(open_store(workspace)) as another:
            put(another, benchmark(1))
        move(connection)

    monkeypatch.setattr(ingest_module, "_move", late)
    with pytest.raises(TtsdashError, match="another import"):
        take_in(db, lines_of(document_of(benchmark(1)), document_of(benchmark(2))))
    assert [result.benchmark_id for result in list_results(db)] == [identity(1)] * 6
