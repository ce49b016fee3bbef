"""`ttsdash results`: lists, trends, comparisons and pruning on the command line."""

import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest

from core.clock import format_timestamp
from core.hardware.machine import this_machine
from core.records.benchmarks import TextMetrics, TextSound
from core.store.database import open_store, transaction
from core.store.jobs import add_job
from core.store.results import put_benchmark
from core.store.voices import get_voice
from core.workspace import Workspace
from jobs.submit import benchmark_job
from tests.core.voice_files import voice_file
from tests.factories import add_voice
from tests.history import DAYS, JOE, count, put_history
from tests.measured import a_record, a_result
from tui.cli.app import run as run_program
from tui.text.format import counted, sparkline

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def history(fixed_place: Workspace) -> Iterator[sqlite3.Connection]:
    with closing(open_store(fixed_place)) as db:
        add_voice(db, voice_file())
        put_history(db)
        yield db


@pytest.fixture
def call(fixed_place: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """A function that runs a command in this process."""
    monkeypatch.setenv("TTSDASH_HOME", str(fixed_place.root))

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        code = run_program(["results", *map(str, arguments)])
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    return run


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the output lines of a successful command."""
    assert (done.returncode, done.stderr) == (0, "")
    return [line.rstrip() for line in done.stdout.splitlines()]


def answered(done: subprocess.CompletedProcess[str]) -> Any:
    """Return the JSON of a successful command."""
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def notes(lines: list[str]) -> list[str]:
    """Return the lines below the table."""
    return lines[lines.index("") + 1 :]


def table(lines: list[str]) -> list[str]:
    return lines[2 : lines.index("")]


# Lists


def test_the_newest_results_are_listed_first_with_the_total(history: sqlite3.Connection, call: Call) -> None:
    total = count(history, "results")
    first = said(call())
    assert len(table(first)) == 50
    assert table(first)[0].startswith("15-origi  2026-01-16 00:00:00  ")
    assert notes(first)[-1] == f"1 to 50 of {total} (next: --page 2, all: --limit {total})"
    last = said(call("list", "--page", "2"))
    assert table(last)[-1].startswith("00-int4-")
    assert notes(last)[-1] == f"51 to {total} of {total}"
    assert said(call("list", "--page", "3")) == [f"page 3 is empty: {total} results in total"]
    assert f"to {total}" not in notes(said(call("list", "--limit", total)))[-1]


def test_matches_are_listed_in_the_given_order(history: sqlite3.Connection, call: Call) -> None:
    found = answered(
        call("list", "voice:joe pesq>0", "speedup>=1", "--sort", "pesq", "--reverse", "--limit", "5", "--json")
    )
    assert {one["voice"] for one in found} == {"joe at home"}
    scores = [one["pesq"] for one in found]
    assert scores == sorted(scores)
    assert len(found) == 5
    assert answered(call("list", "voice:nobody", "--json")) == []
    assert said(call("list", "voice:nobody")) == ["no results match"]
    assert len(answered(call("list", "--json"))) == count(history, "results")


def test_a_voice_that_is_only_in_the_history_can_be_named(history: sqlite3.Connection, call: Call) -> None:
    assert {one["voice_id"] for one in answered(call("--voice", "joe at home", "--json"))} == {JOE}
    done = call("list", "--voice", "joe")
    assert (done.returncode, done.stderr) == (1, "ttsdash: voice not found: 'joe' (known: amy, joe at home)\n")


@pytest.mark.parametrize(
    "terms",
    [
        ("-voice:joe", "-machine:this"),
        ("-hidden", "-voice:joe -machine:this"),
        ("--json", "-voice:joe", "-machine:this"),
    ],
)
def test_an_excluding_term_is_not_taken_for_an_option(
    terms: tuple[str, ...], history: sqlite3.Connection, call: Call
) -> None:
    found = answered(call("list", *terms, *([] if "--json" in terms else ["--json"])))
    assert {(one["voice"], one["machine"]) for one in found} == {("amy", "feedbeef0123")}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--limt", "3"], "No such option '--limt'."),
        (["speeed>1"], "'speeed>1': unknown field 'speeed' (known: voice, "),
        (["noisy:maybe"], "'noisy:maybe': 'maybe' is not one of yes, no"),
        (["--sort", "color"], "Invalid value for '--sort': 'color' is not one of 'when', 'voice', "),
        (["--limit", "0"], "Invalid value for '--limit'"),
        (["--page", "0"], "Invalid value for '--page'"),
    ],
)
def test_invalid_arguments_of_list_are_reported_in_one_line(arguments: list[str], message: str, call: Call) -> None:
    done = call("list", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_incomparable_results_are_distinguished_by_columns(history: sqlite3.Connection, call: Call) -> None:
    lines = said(call("list", "voice:amy", "threads:1"))
    assert lines[0].split()[:7] == ["id", "when", "voice", "machine", "runtime", "benchmark", "version"]
    there, here = (line for line in table(lines) if line.startswith(("13-int4-", "00-int4-")))
    assert there.split()[4:8] == ["Apple", "M2", "1.31", "v2-a"]
    assert here.split()[4:8] == ["this", "one", "1.30", "v1-a"]
    assert "results with a different machine, runtime, benchmark version are not comparable" in lines
    alike = said(call("list", "voice:amy", "machine:this", "version:v1"))
    assert alike[0].split()[:4] == ["id", "when", "voice", "thr."]
    assert not any("not comparable" in line for line in alike)


def test_regressions_and_noisy_results_are_marked(history: sqlite3.Connection, call: Call) -> None:
    worse, noisy = (said(call("list", f"{field}:yes", "-original", "-latency<0")) for field in ("regression", "noisy"))
    assert all(" ! " in line for line in table(worse))
    assert "! regression on that machine: see `ttsdash results show ID`" in worse
    assert all(" ~ " in line for line in table(noisy))
    assert "~ noisy: measured on a busy machine" in noisy


def test_a_result_is_one_line_on_a_narrow_terminal(
    history: sqlite3.Connection, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test pretends that there is a terminal."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    with transaction(history):
        put_benchmark(
            history,
            a_record(
                "wide",
                voice_key="a voice with a long name",
                results=(
                    a_result(
                        "r", "a-variant-with-a-long-name", grade="transparent", noisy=True, regression={"worse": ["x"]}
                    ),
                ),
            ),
            None,
        )
    lines = [click.unstyle(line) for line in said(call("list", "threads>0"))]
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["id", "when", "voice", "variant", "thr.", "speed-up,", "95", "%", "sound"]
    assert len(table(lines)) == 50


# One result


def test_a_result_is_shown_with_every_metric(fixed_place: Workspace, call: Call) -> None:
    worse = {"worse": ["speed-up 1.35x, was 1.50x"], "changed": ["onnxruntime 1.30 -> 1.31"], "against": ["r"]}
    texts = (TextMetrics("long", 8.0, 400.0, 440.0, 0.05, 1.4), TextMetrics("short", 2.0, 100.0, 110.0, 0.05, 1.6))
    sounds = (TextSound("long", 0.0, 1.5, 4.25, 0.98), TextSound("short", 0.25, 2.5, 3.75, None))
    scores = {"worst_pesq": 3.75, "worst_text": "short", "tone_db": 4.5, "tone_hz": 689.06}
    results = (a_result("r-original", "original"), a_result("r-int4", "int4", regression=worse, **scores))
    results = tuple(
        replace(one, samples=(), starts=(), parallel_runs=(), texts=texts, sounds=sounds) for one in results
    )
    with closing(open_store(fixed_place)) as db, transaction(db):
        put_benchmark(db, a_record("b", results=results), None)
    lines = said(call("show", "r-int4"))
    facts = {line[:17].strip(): line[17:] for line in lines[: lines.index("")]}
    expected = {
        "worse": "speed-up 1.35x, was 1.50x",
        "changed": "onnxruntime 1.30 -> 1.31",
        "first audio": "81.5 ms",
        "load time": "0.40 s",
        "cold start": "1.50 s",
        "throughput": "12.5 s audio/s, 4 parallel requests",
        "CPU": "0.060 s per s audio",
        "energy": "– J",
        "peak memory": "180 MB",
        "settled memory": "170 MB",
        "without a model": "50 MB",
        "PESQ": "4.20",
        "worst PESQ": "3.75",
        "worst text": "short",
        "worst tone": "4.5 dB at 689 Hz",
        "not measured": "energy (no counter)",
    }
    assert {name: facts[name] for name in expected} == expected
    table = lines[lines.index("") + 1 :]
    assert table[0].split() == ["text", "audio", "s", "latency", "ms", "p90", "ms", "RTF", "speed-up"]
    assert [row.split() for row in table[2:4]] == [
        ["short", "2.0", "100.0", "110.0", "0.0500", "1.60x"],
        ["long", "8.0", "400.0", "440.0", "0.0500", "1.40x"],
    ]
    assert table[5].split() == ["text,", "worst", "first", "PESQ", "ESTOI", "mel", "dB", "drift", "%"]
    assert [row.split() for row in table[7:9]] == [
        ["short", "3.75", "–", "2.5", "0.2"],
        ["long", "4.25", "0.980", "1.5", "0.0"],
    ]
    shown = answered(call("show", "r-int4", "--json"))
    assert (shown["regression"], [text["text"] for text in shown["texts"]]) == (worse, ["long", "short"])
    assert [(text["text"], text["pesq"]) for text in shown["sounds"]] == [("long", 4.25), ("short", 3.75)]
    assert {"samples", "starts", "parallel_runs"} <= shown.keys()


# Trends


def test_a_trend_shows_each_result_by_version_with_changes(history: sqlite3.Connection, call: Call) -> None:
    lines = said(call("trend", "amy", "--variant", "int4"))
    headings = [line for line in lines if line.startswith("int4, ")]
    cores = this_machine().facts["cores"]
    assert len(headings) == 2
    assert headings[0].startswith(f"int4, {counted(cores, 'thread')}, on ")
    assert headings[0].endswith(", benchmark version v1-a")
    assert lines[-1] == "results of different benchmark versions are not comparable"
    assert any(set(line) & set("▁▂▃▄▅▆▇█") for line in lines)
    shape = answered(call("trend", "amy", "--variant", "int4", "--json"))
    assert [(one["variant"], one["benchmark_version"]) for one in shape] == [("int4", "v1-a"), ("int4", "v2-a")]
    points = [point["id"] for one in shape for point in one["points"]]
    assert points == [f"{day:02}-int4-{cores}" for day in range(0, DAYS, 2) if day % 3 != 2]
    assert {type(point["changed"]) for one in shape for point in one["points"]} == {list}


def test_changes_and_regressions_are_shown_with_a_point(fixed_place: Workspace, call: Call) -> None:
    here = this_machine()
    worse = {"worse": ["PESQ 3.9, was 4.2"], "changed": [], "against": []}
    with closing(open_store(fixed_place)) as db, transaction(db):
        for day, changes in ((1, {}), (2, {"variant_sha256": "d" * 64, "regression": worse})):
            result = a_result(f"r{day}", "int4", threads=here.facts["cores"], **changes)
            at = f"2026-01-0{day}T00:00:00.000Z"
            put_benchmark(db, a_record(f"b{day}", machine=here, created_at=at, results=(result,)), None)
    heading, _, _, _, second, trend, _, note = said(call("trend", "amy", "--variant", "int4"))
    assert heading.endswith("benchmark version v1")
    assert second.split()[2:] == [
        "r2",
        "1.50x",
        "1.40–1.60",
        "!",
        "80",
        "120",
        "worse:",
        "PESQ",
        "3.9,",
        "was",
        "4.2;",
        "the",
        "variant",
        "was",
        "rebuilt",
    ]
    assert trend == "1.50x ▁▁ 1.50x"
    assert note == "! regression: see `ttsdash results show ID`"


def test_without_a_variant_each_one_has_a_line(history: sqlite3.Connection, call: Call) -> None:
    lines = said(call("trend", "amy", "--machine", "apple", "--threads", "8"))
    assert [line.split()[0] for line in lines[2 : lines.index("")]] == [
        *("original", "original", "dynamic-int8", "dynamic-int8", "int4", "int4")
    ]
    assert "ms" in lines[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["amy", "--variant", "int9"], "no results of amy/int9 (known: original, dynamic-int8, int4)"),
        (["eve"], "voice not found: 'eve' (known: amy, joe at home)"),
        (["amy", "--machine", "vax"], "machine not found in the history: 'vax' (known: this, "),
    ],
)
def test_an_unknown_trend_lists_what_is_known(
    arguments: list[str], message: str, history: sqlite3.Connection, call: Call
) -> None:
    done = call("trend", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"ttsdash: {message}")


def test_a_trend_at_a_thread_count_without_results_is_reported(history: sqlite3.Connection, call: Call) -> None:
    assert said(call("trend", "amy", "--machine", "apple", "--threads", "3")) == [
        "no results at 3 threads on Apple M2 (feedbeef0123)"
    ]


@pytest.mark.parametrize(
    ("values", "line"), [([1.0], "▁"), ([2.0, 2.0], "▁▁"), ([1.0, 2.0], "▁█"), ([1, 2, 3, 4, 5, 6, 7, 8], "▁▂▃▄▅▆▇█")]
)
def test_a_sparkline_goes_from_the_lowest_to_the_highest(values: list[float], line: str) -> None:
    assert sparkline(values) == line


# Comparisons


def test_results_are_compared_with_ratios_and_a_verdict(history: sqlite3.Connection, call: Call) -> None:
    history.execute("UPDATE results SET noisy = id = '13-int4-1'")
    lines = said(call("compare", "00-original-1", "00-int4-1", "13-int4-1"))
    assert lines[0].split() == ["00-origi", "00-int4-", "13-int4-"]
    latency = next(line for line in lines if line.startswith("latency, ms"))
    assert latency.count("x") == 1
    paired, different, noisy = lines[-3:]
    assert noisy == "noisy (measured on a busy machine): 13-int4-"
    assert paired.startswith("int4 (00-int4-) vs original (00-origi), same run, compared in pairs: ")
    assert "x as fast (95 % interval " in paired
    assert different.startswith("int4 (13-int4-) vs original (00-origi), not comparable (machine ")
    assert "onnxruntime 1.30 -> 1.31" in different
    assert different.endswith(": no verdict, such results are not comparable")


def test_a_comparison_of_two_runs_is_marked_as_unpaired(history: sqlite3.Connection, call: Call) -> None:
    history.execute("UPDATE results SET noisy = 0")
    (line,) = said(call("compare", "00-int4-1", "04-int4-1"))[-1:]
    assert ", different runs, compared by speed-up: " in line
    assert "(Mann-Whitney p = " in line
    shape = answered(call("compare", "00-int4-1", "04-int4-1", "--json"))
    assert [one["id"] for one in shape["results"]] == ["00-int4-1", "04-int4-1"]
    (one,) = shape["comparisons"]
    assert (one["result"], one["kind"], one["differs"], one["unknown"]) == ("04-int4-1", "unpaired", [], None)
    assert set(one["speed"]) == {"ratio", "interval", "p", "verdict"}


@pytest.mark.parametrize(
    ("names", "code", "message"),
    [
        ([], 2, "name two results or more, by the start of their ids or as VOICE/VARIANT"),
        (["00-int4-1"], 2, "name two results or more"),
        (["00-int4-1", "zzz"], 1, "result not found: 'zzz'"),
        (["00-int4-1", "amy/int9"], 1, "no result of amy/int9 on this machine at all cores"),
    ],
)
def test_results_that_cannot_be_compared_are_reported(
    names: list[str], code: int, message: str, history: sqlite3.Connection, call: Call
) -> None:
    done = call("compare", *names)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"ttsdash: {message}")


def test_the_pareto_front_is_shown(fixed_place: Workspace, call: Call) -> None:
    here = this_machine()
    at_all_cores = {"threads": here.facts["cores"], "stock": True}
    original = {
        "speedup": 1.0,
        "speedup_low": 1.0,
        "speedup_high": 1.0,
        "size_bytes": 63_200_000,
        "grade": "transparent",
    }
    results = (
        a_result("r1", "original", **at_all_cores | original),
        a_result("r2", "int4", **at_all_cores, size_bytes=13_900_000),
        a_result("r3", "guide", **at_all_cores, size_bytes=18_700_000, grade="broken"),
    )
    with closing(open_store(fixed_place)) as db, transaction(db):
        put_benchmark(db, a_record("b", machine=here, results=results), None)
    lines = said(call("pareto", "amy"))
    assert [(line.split()[0], line.split()[-1]) for line in lines[2:5]] == [
        ("original", "4.20"),
        ("guide", "int4"),
        ("int4", "4.20"),
    ]
    shape = {one["variant"]: one["dominated_by"] for one in answered(call("pareto", "amy", "--json"))}
    assert shape == {"original": [], "guide": ["int4"], "int4": []}


def test_a_voice_without_results_at_all_cores_has_no_pareto_front(history: sqlite3.Connection, call: Call) -> None:
    history.execute("UPDATE results SET stock = 0")
    assert said(call("pareto", "amy", "--machine", "apple")) == ["no results at all cores on Apple M2 (feedbeef0123)"]


# Pruning


OLD = "2026-01-09T00:00:00.000Z"


def old_ones(db: sqlite3.Connection) -> str:
    samples, results = count(db, "samples", OLD), count(db, "results", OLD)
    return f"{samples} samples of {results} results from before 2026-01-09 00:00:00"


def test_a_dry_run_deletes_nothing(history: sqlite3.Connection, call: Call) -> None:
    there = old_ones(history)
    assert said(call("prune", "--older-than", "2026-01-09", "--dry-run")) == [f"would delete {there}"]
    assert old_ones(history) == there
    nothing = said(call("prune", "--older-than", "2025-01-01", "--dry-run"))
    assert nothing == ["nothing to delete from before 2025-01-01 00:00:00"]


def test_old_samples_are_deleted_and_the_freed_space_is_reported(history: sqlite3.Connection, call: Call) -> None:
    old, all_samples = (count(history, "samples", before) for before in (OLD, "9999"))
    shape = answered(call("prune", "--older-than", "2026-01-09", "--yes", "--json"))
    assert shape.pop("freed_bytes") > 0
    assert shape == {"before": OLD, "results": count(history, "results", OLD), "samples": old}
    assert (count(history, "samples"), count(history, "samples", OLD)) == (all_samples - old, 0)
    lines = said(call("prune", "--older-than", "2026-01-09", "--yes"))
    assert lines == ["deleted 0 samples of 0 results from before 2026-01-09 00:00:00; the database is 0.0 MB smaller"]


def test_results_of_the_last_ninety_days_keep_their_samples(fixed_place: Workspace, call: Call) -> None:
    with closing(open_store(fixed_place)) as db:
        add_voice(db, voice_file())
        with transaction(db):
            recently = format_timestamp(datetime.now(UTC) - timedelta(days=89))
            result = a_result("r", "original")
            put_benchmark(db, a_record("b", created_at=recently, results=(result,)), None)
    assert said(call("prune", "--dry-run"))[0].startswith("nothing to delete from before ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--older-than", "soon"], "--older-than: 'soon' is not a day or an age: write 2026-05-01, 12h, "),
        (["--older-than", "-5d"], "--older-than: '-5d' is not a day or an age"),
        (["--older-than", "0d"], "--older-than: '0d' is not a day or an age"),
        (["--older-than", "9999-01-01"], "--older-than: 9999-01-01 is in the future"),
        (
            ["--older-than", "2026-01-09"],
            "no terminal to ask for confirmation: add --yes to delete ",
        ),
    ],
)
def test_invalid_arguments_of_prune_are_reported(
    arguments: list[str], message: str, history: sqlite3.Connection, call: Call
) -> None:
    samples = count(history, "samples")
    done = call("prune", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"ttsdash: {message}")
    assert count(history, "samples") == samples


@pytest.mark.parametrize("agreed", [True, False])
def test_prune_asks_for_confirmation_on_a_terminal(
    agreed: bool, history: sqlite3.Connection, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test pretends that there is a terminal."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    asked: list[str] = []
    monkeypatch.setattr(click, "confirm", lambda question, **_: bool(asked.append(question)) or agreed)
    there = old_ones(history)
    (line,) = said(call("prune", "--older-than", "2026-01-09"))
    assert asked == [f"Delete {there}? All metrics remain."]
    assert line.startswith("deleted " if agreed else "nothing was deleted")
    assert (count(history, "samples", OLD) == 0) is agreed


def test_nothing_is_pruned_during_a_benchmark(history: sqlite3.Connection, call: Call) -> None:
    job = add_job(history, benchmark_job(get_voice(history, "amy"), []))
    history.execute("UPDATE jobs SET state = 'running'")
    done = call("prune", "--older-than", "2026-01-09", "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"ttsdash: benchmark job {job} is running, and pruning would disturb it")
