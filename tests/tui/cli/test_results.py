"""`ttsdash results`: lists, courses, comparisons and pruning, as one types them and reads them."""

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
from core.records.benchmarks import TextFigures
from core.store.database import open_store, transaction
from core.store.jobs import add_job
from core.store.results import put_benchmark
from core.store.voices import add_voice, get_voice
from core.workspace import Workspace
from jobs.submit import benchmark_job
from tests.core.voice_files import voice_file
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
    """Runs a command in this process."""
    monkeypatch.setenv("TTSDASH_HOME", str(fixed_place.root))

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        code = run_program(["results", *map(str, arguments)])
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    return run


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of a command that went well."""
    assert (done.returncode, done.stderr) == (0, "")
    return [line.rstrip() for line in done.stdout.splitlines()]


def answered(done: subprocess.CompletedProcess[str]) -> Any:
    """The JSON of a command that went well."""
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def notes(lines: list[str]) -> list[str]:
    """What stands below the table."""
    return lines[lines.index("") + 1 :]


def table(lines: list[str]) -> list[str]:
    return lines[2 : lines.index("")]


# Lists


def test_the_newest_are_listed_first_with_how_many_more_there_are(history: sqlite3.Connection, call: Call) -> None:
    total = count(history, "results")
    first = said(call())
    assert len(table(first)) == 50
    assert table(first)[0].startswith("15-origi  2026-01-16 00:00:00  ")
    assert notes(first)[-1] == f"1 to 50 of {total}: --page 2 shows the next, --limit {total} all"
    last = said(call("list", "--page", "2"))
    assert table(last)[-1].startswith("00-int4-")
    assert notes(last)[-1] == f"51 to {total} of {total}"
    assert said(call("list", "--page", "3")) == [f"page 3 is empty: {total} results in all"]
    assert f"to {total}" not in notes(said(call("list", "--limit", total)))[-1]


def test_what_fits_is_listed_in_the_order_that_is_asked_for(history: sqlite3.Connection, call: Call) -> None:
    found = answered(
        call("list", "voice:joe pesq>0", "speedup>=1", "--sort", "pesq", "--reverse", "--limit", "5", "--json")
    )
    assert {one["voice"] for one in found} == {"joe at home"}
    scores = [one["pesq"] for one in found]
    assert scores == sorted(scores)
    assert len(found) == 5
    assert answered(call("list", "voice:nobody", "--json")) == []
    assert said(call("list", "voice:nobody")) == ["no result fits"]
    assert len(answered(call("list", "--json"))) == count(history, "results")


def test_a_voice_that_is_only_in_the_history_can_be_named(history: sqlite3.Connection, call: Call) -> None:
    assert {one["voice_id"] for one in answered(call("--voice", "joe at home", "--json"))} == {JOE}
    done = call("list", "--voice", "joe")
    assert (done.returncode, done.stderr) == (1, "ttsdash: no voice 'joe'; there is: amy, joe at home\n")


@pytest.mark.parametrize(
    "terms",
    [
        ("-voice:joe", "-machine:this"),
        ("-hidden", "-voice:joe -machine:this"),
        ("--json", "-voice:joe", "-machine:this"),
    ],
)
def test_what_is_left_out_begins_with_a_dash_and_is_no_option(
    terms: tuple[str, ...], history: sqlite3.Connection, call: Call
) -> None:
    found = answered(call("list", *terms, *([] if "--json" in terms else ["--json"])))
    assert {(one["voice"], one["machine"]) for one in found} == {("amy", "feedbeef0123")}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--limt", "3"], "No such option '--limt'."),
        (["speeed>1"], "'speeed>1': there is no field 'speeed'; there is voice, "),
        (["noisy:maybe"], "'noisy:maybe': 'maybe' is none of yes, no"),
        (["--sort", "colour"], "Invalid value for '--sort': 'colour' is not one of 'when', 'voice', "),
        (["--limit", "0"], "Invalid value for '--limit'"),
        (["--page", "0"], "Invalid value for '--page'"),
    ],
)
def test_what_cannot_be_listed_is_said_in_one_line(arguments: list[str], says: str, call: Call) -> None:
    done = call("list", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_does_not_compare_is_told_apart_where_it_differs(history: sqlite3.Connection, call: Call) -> None:
    lines = said(call("list", "voice:amy", "threads:1"))
    assert lines[0].split()[:7] == ["id", "when", "voice", "machine", "runtime", "benchmark", "version"]
    there, here = (line for line in table(lines) if line.startswith(("13-int4-", "00-int4-")))
    assert there.split()[4:8] == ["Apple", "M2", "1.31", "v2-a"]
    assert here.split()[4:8] == ["this", "one", "1.30", "v1-a"]
    assert "figures of another machine, runtime, benchmark version do not compare" in lines
    alike = said(call("list", "voice:amy", "machine:this", "version:v1"))
    assert alike[0].split()[:4] == ["id", "when", "voice", "thr."]
    assert not any("do not compare" in line for line in alike)


def test_what_is_worse_or_noisy_is_marked(history: sqlite3.Connection, call: Call) -> None:
    worse, noisy = (said(call("list", f"{field}:yes", "-original", "-latency<0")) for field in ("regression", "noisy"))
    assert all(" ! " in line for line in table(worse))
    assert "! worse than it was on that machine: `ttsdash results show ID`" in worse
    assert all(" ~ " in line for line in table(noisy))
    assert "~ measured while other work kept the machine busy" in noisy


def test_on_a_narrow_terminal_a_result_is_one_line(
    history: sqlite3.Connection, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test in this process has no terminal: it is said to have one."""
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


def test_a_result_is_shown_with_all_that_was_measured(fixed_place: Workspace, call: Call) -> None:
    worse = {"worse": ["speed-up 1.35x, was 1.50x"], "changed": ["onnxruntime 1.30 -> 1.31"], "against": ["r"]}
    texts = (TextFigures("long", 8.0, 400.0, 440.0, 0.05, 1.4), TextFigures("short", 2.0, 100.0, 110.0, 0.05, 1.6))
    results = (a_result("r-original", "original"), a_result("r-int4", "int4", regression=worse))
    results = tuple(replace(one, samples=(), starts=(), parallel_runs=(), texts=texts) for one in results)
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
        "throughput": "12.5 s of audio a second, 4 requests at once",
        "CPU": "0.060 s for a second of audio",
        "energy": "– J",
        "peak memory": "180 MB",
        "memory at rest": "170 MB",
        "without a model": "50 MB",
        "not measured": "energy_j (no counter)",
    }
    assert {name: facts[name] for name in expected} == expected
    table = lines[lines.index("") + 1 :]
    assert table[0].split() == ["text", "audio", "s", "latency", "ms", "p90", "ms", "RTF", "speed-up"]
    assert [row.split() for row in table[2:4]] == [
        ["short", "2.0", "100.0", "110.0", "0.0500", "1.60x"],
        ["long", "8.0", "400.0", "440.0", "0.0500", "1.40x"],
    ]
    shown = answered(call("show", "r-int4", "--json"))
    assert (shown["regression"], [text["text"] for text in shown["texts"]]) == (worse, ["long", "short"])
    assert {"samples", "starts", "parallel_runs"} <= shown.keys()


# Courses


def test_a_trend_shows_each_result_under_its_version_with_what_was_installed(
    history: sqlite3.Connection, call: Call
) -> None:
    lines = said(call("trend", "amy", "--variant", "int4"))
    headings = [line for line in lines if line.startswith("int4, ")]
    cores = this_machine().facts["cores"]
    assert len(headings) == 2
    assert headings[0].startswith(f"int4, {counted(cores, 'thread')}, on ")
    assert headings[0].endswith(", benchmark version v1-a")
    assert lines[-1] == "figures of another benchmark version do not compare"
    assert any(set(line) & set("▁▂▃▄▅▆▇█") for line in lines)
    shape = answered(call("trend", "amy", "--variant", "int4", "--json"))
    assert [(one["variant"], one["benchmark_version"]) for one in shape] == [("int4", "v1-a"), ("int4", "v2-a")]
    points = [point["id"] for one in shape for point in one["points"]]
    assert points == [f"{day:02}-int4-{cores}" for day in range(0, DAYS, 2) if day % 3 != 2]
    assert {type(point["changed"]) for one in shape for point in one["points"]} == {list}


def test_what_changed_and_what_is_worse_stands_beside_a_point(fixed_place: Workspace, call: Call) -> None:
    here = this_machine()
    worse = {"worse": ["PESQ 3.9, was 4.2"], "changed": [], "against": []}
    with closing(open_store(fixed_place)) as db, transaction(db):
        for day, changes in ((1, {}), (2, {"variant_sha256": "d" * 64, "regression": worse})):
            result = a_result(f"r{day}", "int4", threads=here.facts["cores"], **changes)
            at = f"2026-01-0{day}T00:00:00.000Z"
            put_benchmark(db, a_record(f"b{day}", machine=here, created_at=at, results=(result,)), None)
    heading, _, _, _, second, course, _, note = said(call("trend", "amy", "--variant", "int4"))
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
        "made",
        "anew",
    ]
    assert course == "1.50x ▁▁ 1.50x"
    assert note == "! worse than it was: `ttsdash results show ID`"


def test_without_a_variant_each_has_a_line(history: sqlite3.Connection, call: Call) -> None:
    lines = said(call("trend", "amy", "--machine", "apple", "--threads", "8"))
    assert [line.split()[0] for line in lines[2 : lines.index("")]] == [
        *("original", "original", "dynamic-int8", "dynamic-int8", "int4", "int4")
    ]
    assert "ms" in lines[2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["amy", "--variant", "int9"], "amy has no results of 'int9'; there are: original, dynamic-int8, int4"),
        (["eve"], "no voice 'eve'; there is: amy, joe at home"),
        (["amy", "--machine", "vax"], "no machine in the history is like 'vax'; there is: this, "),
    ],
)
def test_a_trend_of_nothing_names_what_there_is(
    arguments: list[str], says: str, history: sqlite3.Connection, call: Call
) -> None:
    done = call("trend", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"ttsdash: {says}")


def test_a_trend_at_threads_that_were_not_measured_says_so(history: sqlite3.Connection, call: Call) -> None:
    assert said(call("trend", "amy", "--machine", "apple", "--threads", "3")) == [
        "no results at 3 threads on Apple M2 (feedbeef0123)"
    ]


@pytest.mark.parametrize(
    ("values", "line"), [([1.0], "▁"), ([2.0, 2.0], "▁▁"), ([1.0, 2.0], "▁█"), ([1, 2, 3, 4, 5, 6, 7, 8], "▁▂▃▄▅▆▇█")]
)
def test_a_sparkline_goes_from_the_lowest_to_the_highest(values: list[float], line: str) -> None:
    assert sparkline(values) == line


# Comparisons


def test_results_stand_side_by_side_with_ratios_and_what_may_be_said(history: sqlite3.Connection, call: Call) -> None:
    history.execute("UPDATE results SET noisy = id = '13-int4-1'")
    lines = said(call("compare", "00-original-1", "00-int4-1", "13-int4-1"))
    assert lines[0].split() == ["00-origi", "00-int4-", "13-int4-"]
    latency = next(line for line in lines if line.startswith("latency, ms"))
    assert latency.count("x") == 1
    paired, apart, noisy = lines[-3:]
    assert noisy == "measured while other work kept the machine busy: 13-int4-"
    assert paired.startswith("int4 (00-int4-) beside original (00-origi), of one run, pair by pair: ")
    assert "x as fast (95 % interval " in paired
    assert apart.startswith("int4 (13-int4-) beside original (00-origi), not measured alike (machine ")
    assert "onnxruntime 1.30 -> 1.31" in apart
    assert apart.endswith(": nothing is said of what is faster: figures of such results do not compare")


def test_a_comparison_of_two_runs_says_that_it_is_not_in_pairs(history: sqlite3.Connection, call: Call) -> None:
    history.execute("UPDATE results SET noisy = 0")
    (line,) = said(call("compare", "00-int4-1", "04-int4-1"))[-1:]
    assert ", of two runs, each beside its own original, not in pairs: " in line
    assert "(Mann-Whitney p = " in line
    shape = answered(call("compare", "00-int4-1", "04-int4-1", "--json"))
    assert [one["id"] for one in shape["results"]] == ["00-int4-1", "04-int4-1"]
    (one,) = shape["comparisons"]
    assert (one["result"], one["kind"], one["differs"], one["unknown"]) == ("04-int4-1", "unpaired", [], None)
    assert set(one["speed"]) == {"ratio", "interval", "p", "verdict"}


@pytest.mark.parametrize(
    ("names", "code", "says"),
    [
        ([], 2, "name two results or more: the starts of their ids, or VOICE/VARIANT"),
        (["00-int4-1"], 2, "name two results or more"),
        (["00-int4-1", "zzz"], 1, "no result here has an id that starts with 'zzz'"),
        (["00-int4-1", "amy/int9"], 1, "amy has no result of 'int9' on this machine at all cores"),
    ],
)
def test_what_cannot_be_compared_is_named(
    names: list[str], code: int, says: str, history: sqlite3.Connection, call: Call
) -> None:
    done = call("compare", *names)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"ttsdash: {says}")


def test_which_variants_are_worth_having_is_told(fixed_place: Workspace, call: Call) -> None:
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


def test_a_voice_that_was_not_measured_at_all_cores_has_nothing_worth_having(
    history: sqlite3.Connection, call: Call
) -> None:
    history.execute("UPDATE results SET stock = 0")
    assert said(call("pareto", "amy", "--machine", "apple")) == ["no results at all cores on Apple M2 (feedbeef0123)"]


# Pruning


OLD = "2026-01-09T00:00:00.000Z"


def old_ones(db: sqlite3.Connection) -> str:
    samples, results = count(db, "samples", OLD), count(db, "results", OLD)
    return f"{samples} samples of {results} results from before 2026-01-09 00:00:00"


def test_what_would_be_dropped_is_told_and_nothing_dropped(history: sqlite3.Connection, call: Call) -> None:
    there = old_ones(history)
    assert said(call("prune", "--older-than", "2026-01-09", "--dry-run")) == [f"would drop {there}"]
    assert old_ones(history) == there
    nothing = said(call("prune", "--older-than", "2025-01-01", "--dry-run"))
    assert nothing == ["nothing to drop from before 2025-01-01 00:00:00"]


def test_old_samples_are_dropped_and_the_room_that_is_freed_is_told(history: sqlite3.Connection, call: Call) -> None:
    old, all_samples = (count(history, "samples", before) for before in (OLD, "9999"))
    shape = answered(call("prune", "--older-than", "2026-01-09", "--yes", "--json"))
    assert shape.pop("freed_bytes") > 0
    assert shape == {"before": OLD, "results": count(history, "results", OLD), "samples": old}
    assert (count(history, "samples"), count(history, "samples", OLD)) == (all_samples - old, 0)
    lines = said(call("prune", "--older-than", "2026-01-09", "--yes"))
    assert lines == ["dropped 0 samples of 0 results from before 2026-01-09 00:00:00; the data base is 0.0 MB smaller"]


def test_results_of_the_last_ninety_days_keep_their_samples(fixed_place: Workspace, call: Call) -> None:
    with closing(open_store(fixed_place)) as db:
        add_voice(db, voice_file())
        with transaction(db):
            recently = format_timestamp(datetime.now(UTC) - timedelta(days=89))
            result = a_result("r", "original")
            put_benchmark(db, a_record("b", created_at=recently, results=(result,)), None)
    assert said(call("prune", "--dry-run"))[0].startswith("nothing to drop from before ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--older-than", "soon"], "--older-than: 'soon' is neither a day nor so long ago: write 2026-05-01, 12h, "),
        (["--older-than", "-5d"], "--older-than: '-5d' is neither a day nor so long ago"),
        (["--older-than", "0d"], "--older-than: '0d' is neither a day nor so long ago"),
        (["--older-than", "9999-01-01"], "--older-than: 9999-01-01 lies ahead: name a time in the past"),
        (
            ["--older-than", "2026-01-09"],
            "there is no terminal to ask on: add --yes to drop ",
        ),
    ],
)
def test_nonsense_is_not_pruned(arguments: list[str], says: str, history: sqlite3.Connection, call: Call) -> None:
    samples = count(history, "samples")
    done = call("prune", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"ttsdash: {says}")
    assert count(history, "samples") == samples


@pytest.mark.parametrize("agreed", [True, False])
def test_on_a_terminal_it_asks(
    agreed: bool, history: sqlite3.Connection, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test in this process has no terminal: it is said to have one."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    asked: list[str] = []
    monkeypatch.setattr(click, "confirm", lambda question, **_: bool(asked.append(question)) or agreed)
    there = old_ones(history)
    (line,) = said(call("prune", "--older-than", "2026-01-09"))
    assert asked == [f"drop {there}? All figures stay."]
    assert line.startswith("dropped " if agreed else "nothing was dropped")
    assert (count(history, "samples", OLD) == 0) is agreed


def test_nothing_is_pruned_beside_a_benchmark(history: sqlite3.Connection, call: Call) -> None:
    job = add_job(history, benchmark_job(get_voice(history, "amy"), []))
    history.execute("UPDATE jobs SET state = 'running'")
    done = call("prune", "--older-than", "2026-01-09", "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"ttsdash: job {job} is measuring, which pruning would disturb")
