"""The history exported in each format, with names that may be hostile."""

import csv
import hashlib
import io
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from core.errors import InvalidInput, TtsdashError
from core.export.write import FORMATS, check_target, export, write_file
from core.hardware.limits import Limits
from core.records.benchmarks import BenchmarkRecord, ResultRecord
from core.store.database import open_store
from core.store.results import list_results
from core.workspace import Workspace
from tests.core.export.benchmarks import (
    EVIL,
    benchmark,
    environment,
    evil_benchmark,
    identity,
    machine,
    put,
    result,
    with_figures,
    written,
)
from tests.measured import changed


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_history_can_be_written_in_each_format(name: str, db: sqlite3.Connection) -> None:
    assert written(db, name).endswith("\n")


def test_json_lines_are_a_header_a_line_per_benchmark_and_a_checksum(db: sqlite3.Connection) -> None:
    put(db, benchmark(2), benchmark(1))
    first, *lines, last = written(db, "jsonl").splitlines(keepends=True)
    assert json.loads(first).keys() == {"program", "version", "format"}
    assert [json.loads(line)["id"] for line in lines] == [identity(1), identity(2)]
    assert json.loads(last) == {"count": 2, "sha256": hashlib.sha256("".join(lines).encode()).hexdigest()}


def test_json_is_the_same_as_one_object(db: sqlite3.Connection) -> None:
    put(db, benchmark(1), benchmark(2))
    first, *lines, last = map(json.loads, written(db, "jsonl").splitlines())
    assert json.loads(written(db, "json")) == first | {"benchmarks": lines} | last


def test_json_has_every_metric_and_nothing_of_this_machine(db: sqlite3.Connection) -> None:
    put(db, benchmark())
    document = json.loads(written(db, "json"))["benchmarks"][0]
    columns = {row["name"] for row in db.execute("PRAGMA table_info(results)")}
    of_benchmark = {"benchmark_id", "voice_id", "machine_id", "version", "created_at"}
    assert document["results"][0]["figures"].keys() == columns - of_benchmark
    columns = {row["name"] for row in db.execute("PRAGMA table_info(benchmarks)")}
    assert document.keys() - {"results", "machine", "environment"} == columns - {
        "job_id",
        "machine_id",
        "environment_id",
    }
    assert document["machine"]["facts"]["flags"] == ["avx2", "fma"]


def test_one_voice_can_be_written_alone(db: sqlite3.Connection) -> None:
    put(db, benchmark(1), benchmark(2, voice_id="b" * 64, voice_key="bob"))
    for name in FORMATS:
        alone = written(db, name, "b" * 64)
        assert "bob" in alone
        assert "amy" not in alone


def test_an_export_is_a_snapshot(db: sqlite3.Connection, workspace: Workspace) -> None:
    put(db, benchmark(1), benchmark(2))
    before = written(db, "jsonl")
    pieces = export(db, "jsonl")
    lines = [next(pieces), next(pieces)]
    with closing(open_store(workspace)) as other:
        put(other, benchmark(3))
        other.execute("DELETE FROM samples")
    assert "".join([*lines, *pieces]) == before
    assert len(written(db, "jsonl").splitlines()) == 5


def test_a_value_that_json_cannot_express_is_reported(db: sqlite3.Connection) -> None:
    put(db, with_figures(benchmark(), rtf=float("inf")))
    with pytest.raises(TtsdashError, match=f"benchmark {identity(1)} cannot be exported"):
        written(db, "json")


def _rows(db: sqlite3.Connection) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written(db, "csv"), newline="")))


def test_csv_has_a_row_per_result_newest_first_with_all_digits(db: sqlite3.Connection) -> None:
    put(db, benchmark(1), benchmark(2, environment=environment(numpy="2.4")))
    rows, results = _rows(db), list_results(db)
    assert [row["id"] for row in rows] == [result.id for result in results]
    for row, one in zip(rows, results, strict=True):
        assert float(row["rtf"]) == one.rtf
        assert (float(row["speedup_low"]), float(row["speedup_high"])) == one.speedup_ci
        assert (row["program_db"], row["size_bytes"]) == ("-3.5", str(one.size_bytes))
        assert (row["machine"], row["machine_cpu"], row["machine_cores"]) == (one.machine, "Example CPU", "2")
        assert (row["env_onnxruntime"], row["env_numpy"]) == ("1.30.0", one.environment.get("numpy", ""))
        assert (row["energy_j"], row["unmeasured"], row["noisy"]) == (
            "",
            "energy_j: no counter",
            str(one.noisy).lower(),
        )


def test_every_format_has_the_limits_of_the_worker(db: sqlite3.Connection) -> None:
    limits = Limits(machine_cores=2, cores=1, nice=15)
    put(db, benchmark(1), replace(benchmark(2), load={"limits": limits.to_json()}))
    words = ["1 of 2 cores, nice 15"] * 6
    assert sorted(row["limits"] for row in _rows(db)) == [""] * 6 + words
    assert json.loads(written(db, "json"))["benchmarks"][1]["load"]["limits"]["nice"] == 15
    for name in ("md", "html"):
        assert written(db, name).count(words[0]) >= 6


@pytest.mark.parametrize("text", EVIL)
def test_no_text_becomes_a_formula_in_a_spreadsheet(text: str, db: sqlite3.Connection) -> None:
    evil = with_figures(benchmark(voice_key=text, machine=machine(text)), engine=text, unmeasured={text: text})
    limits = Limits(machine_cores=1, cores=1, variables=(text,))
    evil = replace(evil, load={"limits": limits.to_json()})
    put(db, replace(evil, environment=environment(**{text: text})))
    page = written(db, "csv")
    assert page.count("\r\n") == len(page.splitlines()) == 7
    for cell in (cell for row in csv.reader(io.StringIO(page, newline="")) for cell in row):
        for piece in re.split(r"""[;,|"\t]""", cell):
            assert not re.match(r"\s*[=+@＝＋－＠-]", piece) or re.fullmatch(r"-?[0-9.]+", piece)


def _cells(line: str) -> list[str]:
    """Return the cells of a row of a Markdown table, in which an escaped pipe is text."""
    assert re.search(r"(?<!\\)(\\\\)*`|<|>", line) is None
    return re.split(r"(?<!\\)\|", line.replace(r"\\", ""))[1:-1]


def test_markdown_is_a_readable_table(db: sqlite3.Connection) -> None:
    put(db, benchmark())
    head, rule, row, *_ = map(_cells, written(db, "md").splitlines())
    assert set(rule) == {" --- "}
    shown = dict(zip(head, row, strict=True))
    assert (shown[" rtf "], shown[" size_bytes "], shown[" noisy "]) == (" 0.0333333 ", " 60000000 ", " no ")
    assert shown[" variant "] == " original "


def test_no_text_breaks_a_markdown_table_or_adds_to_it(db: sqlite3.Connection) -> None:
    put(db, evil_benchmark())
    page = written(db, "md")
    lines = page.splitlines()
    assert len(lines) == page.count("\n") == 8
    assert len({len(_cells(line)) for line in lines}) == 1
    assert re.search(r"(?<!\\)[*\[\]]|\x1b", page) is None


class _Page(HTMLParser):
    """The text, tags and attributes of a page as a browser parses it."""

    VOID = ("meta", "br", "img", "link")
    SVG = ("path", "line", "rect", "circle", "polyline")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.SVG
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def count(self, tag: str, css: str) -> int:
        return sum(name == tag and css in attributes.get("class", "").split() for name, attributes in self.tags)


def test_the_report_loads_nothing_and_forbids_it(db: sqlite3.Connection) -> None:
    put(db, benchmark(1), benchmark(2))
    page = _Page(written(db, "html"))
    policy = next(attributes["content"] for _, attributes in page.tags if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert not {"script", "link", "img", "iframe", "object", "image", "use"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert all(value.startswith("#") for name, value in attributes.items() if name in ("href", "src", "xlink:href"))
    assert "url(" not in written(db, "html")


def test_no_text_in_the_report_is_interpreted(db: sqlite3.Connection) -> None:
    put(db, benchmark(1), benchmark(2))
    plain = {(tag, name) for tag, attributes in _Page(written(db, "html")).tags for name in (None, *attributes)}
    evil = evil_benchmark()
    put(db, replace(evil, id=identity("evil"), created_at="2026-02-01T00:00:00.000Z", results=_with_new_ids(evil)))
    page = written(db, "html")
    found = {(tag, name) for tag, attributes in _Page(page).tags for name in (None, *attributes)}
    # The navigation and the marks of regressions are new.
    more = {"nav", "ul", "a", "abbr", "circle", "br"}
    assert {(tag, name) for tag, name in found - plain if tag not in more} == set()
    assert "7 * 7" in page
    assert "\x1b" not in page
    for svg in re.findall(r"<svg .*?</svg>", page, re.DOTALL):
        ElementTree.fromstring(svg)


def _with_new_ids(record: BenchmarkRecord) -> tuple[ResultRecord, ...]:
    return tuple(changed(one, id=identity("new", number)) for number, one in enumerate(record.results))


def _labels(page: str) -> list[str]:
    """Return the labels of the bar charts."""
    return [attributes["aria-label"] for tag, attributes in _Page(page).tags if tag == "svg" and _is_bars(attributes)]


def _is_bars(attributes: dict[str, str]) -> bool:
    return attributes.get("aria-label", "").startswith("Speed-ups: ")


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({}, []),
        ({"machine": machine("Other CPU")}, ["Other CPU, 2 cores (M2)"]),
        ({"environment": environment(onnxruntime="1.31.0")}, ["ONNX Runtime 1.31.0 (E2)"]),
        ({"version": "0123456789ab"}, ["benchmark version 0123456789ab"]),
    ],
)
def test_incomparable_results_are_in_separate_labelled_charts(
    other: dict[str, Any], expected: list[str], db: sqlite3.Connection
) -> None:
    """The second benchmark has only one variant: the newest results of the others are from the first."""
    second = benchmark(2, **other)
    put(db, benchmark(1), replace(second, results=second.results[-1:]))
    labels = _labels(written(db, "html"))
    assert len(set(labels)) == len(labels) == 1 + len(expected)
    assert all(any(one in label for label in labels) for one in expected)
    assert (
        "Speed-ups: Example CPU, 2 cores (M1); ONNX Runtime 1.30.0 (E1); benchmark version feedc0ffee00; 2 threads"
        in labels
    )


def test_the_report_marks_the_pareto_front_and_regressions(db: sqlite3.Connection) -> None:
    worse = {"worse": ["speed-up 1.50x, was 1.80x"], "changed": ["onnxruntime 1.29 -> 1.30"], "against": []}
    second = with_figures(benchmark(2), regression=worse)
    dominated = result(2, "guide", 2, 0.4, 18_000_000, "broken")
    put(db, benchmark(1), replace(second, results=(*second.results, dominated)))
    page = _Page(written(db, "html"))
    # int4 is the smallest, static-int8 the fastest, and the original sounds best; the guide's variant is none of these.
    assert page.count("circle", "front") == 3
    assert page.count("circle", "worse") == 1
    said = " ".join("".join(page.texts).split())
    assert "A ring marks static-int8 of 2026-01-02 02:00, a regression: speed-up 1.50x, was 1.80x (onnx" in said
    assert "A ring marks int4" not in said
    assert {grade: page.count("path", grade) for grade in ("transparent", "slight", "broken")} == {
        "transparent": 2,
        "slight": 2,
        "broken": 3,
    }


def test_untimed_results_are_only_in_the_tables_of_the_report(db: sqlite3.Connection) -> None:
    nothing = dict.fromkeys(("speedup", "speedup_low", "speedup_high", "verdict", "rtf", "latency_ms", "grade", "pesq"))
    record = with_figures(benchmark(), **nothing)
    put(db, replace(record, results=record.results[-1:]))
    page = written(db, "html")
    assert _labels(page) == []
    assert page.count("static-int8</th>") == 2


def _chunks(*texts: str, error: Exception | None = None) -> Iterator[str]:
    yield from texts
    if error:
        raise error


def test_a_file_is_written_atomically_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_file(path, _chunks("a,", "ö\r\n"))
    assert path.read_bytes() == "a,ö\r\n".encode()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


EARLIER = "created_at,id,benchmark_id,voice\n"


@pytest.mark.parametrize("name", FORMATS)
def test_each_export_is_recognized(name: str, db: sqlite3.Connection, tmp_path: Path) -> None:
    path = tmp_path / f"history.{name}"
    for _ in range(2):
        write_file(path, export(db, name))
    assert check_target(path) == path


def test_a_later_export_replaces_an_earlier_one_keeping_its_mode_and_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text(EARLIER)
    real.chmod(0o644)
    link.symlink_to(real)
    write_file(link, _chunks("new"))
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o644
    assert link.is_symlink()


@pytest.mark.parametrize(
    "error", [RuntimeError("half way"), OSError(28, "No space left on device"), KeyboardInterrupt()]
)
def test_an_earlier_export_stays_if_writing_fails(error: Exception, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(EARLIER)
    expected = TtsdashError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        write_file(path, _chunks("new", error=error))
    assert path.read_text() == EARLIER
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "is a folder"),
        ("data.db", "not an export of ttsdash"),
        ("queue.db-wal", "not an export of ttsdash"),
        ("voice.onnx", "not an export of ttsdash"),
        ("voice.onnx.json", "not an export of ttsdash"),
        ("link.csv", "not an export of ttsdash"),
        *((f"mine.{name}", "not an export of ttsdash") for name in FORMATS),
        ("pipe.csv", "is not a regular file"),
        ("nowhere/a.csv", "folder not found"),
    ],
)
def test_an_export_replaces_no_file_of_another_kind(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for kind in ("data.db", "queue.db-wal", "voice.onnx", "voice.onnx.json", *(f"mine.{name}" for name in FORMATS)):
        (tmp_path / kind).write_text("precious")
    (tmp_path / "link.csv").symlink_to(tmp_path / "data.db")
    with pytest.raises(InvalidInput, match=message):
        write_file(tmp_path / name, _chunks("new"))
    assert {file.read_text() for file in tmp_path.iterdir() if file.is_file()} == {"precious"}
