"""Lists, trends, Pareto fronts and pruning, and that none of them reads more than it has to."""

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from core.benchmark.timing import Measurements, metrics_by_text
from core.errors import InvalidInput, NotFound, TtsdashError
from core.hardware.machine import this_machine
from core.history.compare import find_result, read_samples
from core.history.filter import FIELDS, read_filter
from core.history.listing import SORTS, list_page
from core.history.names import find_machine, find_voice, variants_of, voice_names
from core.history.newest import list_newest
from core.history.pareto import compute_pareto
from core.history.prune import Prunable, prunable, prune
from core.history.regression import list_earlier
from core.history.trend import list_trend, series
from core.records.benchmarks import ParallelRun, Sample, Startup, TextMetrics
from core.records.results import Result
from core.records.voices import ORIGINAL, Voice
from core.store.database import open_store, transaction
from core.store.jobs import add_job
from core.store.results import get_result, list_parts, list_results, newest_result, put_benchmark, read_benchmark
from core.workspace import Workspace
from jobs.submit import benchmark_job
from tests.core.voice_files import voice_file
from tests.factories import add_voice
from tests.history import AMY, JOE, NEW, OTHER, VARIANTS, count, put_history
from tests.measured import a_record, a_result


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """Return a history that tests only read."""
    with closing(open_store(Workspace(tmp_path_factory.mktemp("history")))) as db:
        add_voice(db, voice_file())
        put_history(db)
        yield db


@pytest.fixture
def own_history(db: sqlite3.Connection, stored: Voice) -> sqlite3.Connection:
    put_history(db)
    return db


# Pages


def value_of(result: Result, sort: str) -> Any:
    names = {"machine_id": "machine", "version": "benchmark_version"}
    column = "created_at" if sort == "when" else FIELDS[sort].column
    return getattr(result, names.get(column, column))


def sorted_by(results: Sequence[Result], sort: str, down: bool) -> list[Result]:
    """Sort stably, results without a value last."""
    known = [result for result in results if value_of(result, sort) is not None]
    rest = [result for result in results if value_of(result, sort) is None]
    return sorted(known, key=lambda result: value_of(result, sort), reverse=down) + rest


@pytest.mark.parametrize("text", ["", "speedup>0.9 -noisy:yes"])
@pytest.mark.parametrize("sort", [sort for sort in SORTS if sort != "voice"])
def test_results_without_the_metric_are_sorted_last(sort: str, text: str, history: sqlite3.Connection) -> None:
    newest = [one for one in list_results(history) if not text or ((one.speedup or 0) > 0.9 and not one.noisy)]
    down = sort in ("when", "grade", "speedup", "throughput", "pesq", "worst")
    assert list_page(history, read_filter(text), sort).results == sorted_by(newest, sort, down)
    assert list_page(history, read_filter(text), sort, reverse=True).results == sorted_by(newest[::-1], sort, not down)


@pytest.mark.parametrize("text", ["", "speedup>0.9 -noisy:yes"])
@pytest.mark.parametrize("reverse", [False, True])
def test_within_a_voice_results_are_ordered_by_variant_machine_threads_and_time(
    text: str, reverse: bool, history: sqlite3.Connection
) -> None:
    found = list_page(history, read_filter(text), "voice", reverse).results
    expected = list_page(history, read_filter(text)).results
    for key in ("threads", "machine", "variant", "voice"):
        expected = sorted(expected, key=lambda result: getattr(result, key))
    assert found == (expected[::-1] if reverse else expected)


@pytest.mark.parametrize("text", ["", "threads:1", "speedup>0.9 -noisy:yes"])
@pytest.mark.parametrize("sort", ["when", "voice", "energy"])
def test_all_pages_together_are_the_whole_list(sort: str, text: str, history: sqlite3.Connection) -> None:
    whole = list_page(history, read_filter(text), sort)
    pages = [list_page(history, read_filter(text), sort, limit=7, page=number) for number in range(1, 20)]
    assert [result for page in pages for result in page.results] == whole.results
    assert {page.total for page in pages} == {whole.total} == {len(whole.results)}


# Names


def test_a_voice_that_is_not_in_the_library_has_its_newest_name(own_history: sqlite3.Connection) -> None:
    assert voice_names(own_history) == {AMY: "amy", JOE: "joe at home"}
    with transaction(own_history):
        put_benchmark(
            own_history,
            a_record(
                "later",
                voice_id=JOE,
                voice_key="joe",
                created_at="2027-01-01T00:00:00.000Z",
                results=(a_result("r", ORIGINAL),),
            ),
            None,
        )
    assert voice_names(own_history)[JOE] == "joe"
    assert (find_voice(own_history, "joe"), find_voice(own_history, "amy")) == (JOE, AMY)
    assert (find_voice(own_history, "JOE"), find_voice(own_history, "Amy")) == (JOE, AMY)
    with pytest.raises(NotFound, match=r"voice not found: 'eve' \(known: amy, joe\)$"):
        find_voice(own_history, "eve")


def test_the_exact_name_in_the_history_comes_before_a_voice_whose_name_has_another_case(
    own_history: sqlite3.Connection,
) -> None:
    record = a_record("later", voice_id="c" * 64, voice_key="wai", results=(a_result("r", ORIGINAL),))
    with transaction(own_history):
        put_benchmark(own_history, record, None)
    here = add_voice(own_history, voice_file("/voices/WAI.onnx", "d" * 64)).source_sha256
    found = [find_voice(own_history, name) for name in ("WAI", "wai", "Wai")]
    assert found == [here, record.voice_id, here]


def test_the_variants_of_a_voice_are_those_that_were_measured(history: sqlite3.Connection) -> None:
    assert variants_of(history, JOE) == list(VARIANTS)
    assert variants_of(history, "c" * 64) == []


@pytest.mark.parametrize(("text", "machine"), [("this", this_machine()), ("feed", OTHER), ("apple", OTHER)])
def test_a_machine_is_found(text: str, machine: object, history: sqlite3.Connection) -> None:
    assert find_machine(history, text) == machine


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("vax", NotFound, r"machine not found in the history: 'vax' \(known: this, "),
        ("", InvalidInput, r"several machines match ''.*feedbeef0123 \(Apple M2\).*give more of the id"),
    ],
)
def test_an_unknown_or_ambiguous_machine_is_not_found(
    text: str, error: type[TtsdashError], message: str, history: sqlite3.Connection
) -> None:
    with pytest.raises(error, match=message):
        find_machine(history, text)


# Trends


def test_a_trend_separates_versions_and_lists_changes(own_history: sqlite3.Connection) -> None:
    results = list_trend(own_history, AMY, "int4", this_machine())
    assert [one.created_at for one in results] == sorted(one.created_at for one in results)
    here = this_machine()
    assert {(one.voice, one.variant, one.machine, one.threads) for one in results} == {
        ("amy", "int4", here.id, here.facts["cores"])
    }
    first, second = series(results)
    assert (first.version, second.version) == ("v1-a", "v2-a")
    assert [point.result for one in (first, second) for point in one.points] == results
    assert {point.changed for one in (first, second) for point in one.points} == {()}


def test_changes_are_listed_with_the_first_result_after_them(
    own_history: sqlite3.Connection,
) -> None:
    results = list_trend(own_history, AMY, "int4", this_machine(), threads=1)
    rebuilt = replace(results[1], environment=NEW.versions | {"onnx": "1.23"}, variant_sha256="d" * 64)
    (one,) = series([results[0], rebuilt, replace(rebuilt, id="last")])
    assert [point.changed for point in one.points] == [
        (),
        ("onnxruntime 1.30 -> 1.31", "onnx none -> 1.23", "the variant was rebuilt"),
        (),
    ]


def test_the_newest_result_is_at_all_cores_and_timed_if_possible(db: sqlite3.Connection) -> None:
    untimed = dict.fromkeys(("speedup", "speedup_low", "speedup_high", "verdict"))
    timed = {"threads": 8, "stock": True}
    rows = (("1", timed), ("2", timed), ("3", timed | untimed), ("4", {"threads": 1, "stock": False}))
    with transaction(db):
        for day, (name, figures) in enumerate(rows):
            record = a_record(
                name,
                machine=OTHER,
                created_at=f"2026-01-0{day + 1}T00:00:00.000Z",
                results=(a_result(name, "int4", **figures, variant_sha256="e" * 64 if name == "1" else "f" * 64),),
            )
            put_benchmark(db, record, None)
    voice = a_record("").voice_id

    def newest(**named: Any) -> str | None:
        found = newest_result(db, voice, "int4", OTHER, **named)
        return found and found.id

    assert newest() == newest(sha256="f" * 64) == "2"
    assert newest(sha256="e" * 64) == "1"
    assert newest(sha256="0" * 64) is None
    assert newest_result(db, voice, "int4", this_machine()) is None


# Pareto front


def made(
    variant: str,
    size: float,
    interval: tuple[float, float] | None,
    grade: str | None,
    pesq: float | None,
    text_set: str = "en v1",
) -> Result:
    record = a_result(variant, variant).figures
    figures = {name: record[name] for name in record if name not in ("speedup_low", "speedup_high")}
    figures |= {"size_bytes": int(size * 1e6), "grade": grade, "pesq": pesq}
    return Result(
        **figures | {"speedup_ci": interval},
        benchmark_id="b",
        voice="amy",
        voice_id=AMY,
        machine="m",
        machine_facts={},
        environment={},
        benchmark_version="v1",
        text_set=text_set,
        text_set_note=None,
        created_at="t",
    )


ORIGINAL_ONE = made(ORIGINAL, 63.2, (1.0, 1.0), "transparent", 4.64)


@pytest.mark.parametrize(
    ("one", "other", "dominated"),
    [
        pytest.param((23.4, (1.7, 1.9), "slight", 4.3), (13.9, (1.5, 1.6), "slight", 4.3), False, id="smaller, slower"),
        pytest.param((23.4, (1.7, 1.9), "slight", 4.3), (13.9, (1.7, 1.8), "slight", 4.3), True, id="smaller"),
        pytest.param((23.4, (1.7, 1.9), "slight", 4.3), (23.4, (2.0, 2.1), "slight", 4.3), True, id="faster"),
        pytest.param(
            (23.4, (1.7, 1.9), "slight", 4.3), (23.4, (1.8, 2.1), "slight", 4.3), False, id="intervals overlap"
        ),
        pytest.param((23.4, (1.7, 1.9), "slight", 4.3), (23.5, (1.7, 1.9), "slight", 4.35), False, id="nobody notices"),
        pytest.param((23.4, (1.7, 1.9), "slight", 4.3), (23.4, (1.7, 1.9), "slight", 4.5), True, id="better PESQ"),
        pytest.param((23.4, (1.7, 1.9), "slight", None), (23.4, (1.7, 1.9), "slight", 4.5), False, id="no PESQ"),
        pytest.param((23.4, (1.7, 1.9), "broken", 4.5), (23.4, (1.7, 1.9), "slight", 4.3), True, id="better grade"),
        pytest.param((23.4, (1.7, 1.9), "slight", 4.3), (13.9, None, "slight", 4.3), False, id="not timed"),
        pytest.param((23.4, None, "slight", 4.3), (13.9, (1.7, 1.9), "slight", 4.3), False, id="itself not timed"),
        pytest.param((23.4, (1.7, 1.9), None, 4.3), (13.9, (2.0, 2.1), "slight", 4.3), False, id="not graded"),
    ],
)
def test_a_variant_is_dominated_by_one_as_good_in_everything_and_better_in_something(
    one: tuple[Any, ...], other: tuple[Any, ...], dominated: bool
) -> None:
    first, second = compute_pareto([made("one", *one), made("other", *other)])
    assert first.dominated_by == (("other",) if dominated else ())
    assert second.dominated_by == ()


def test_no_variant_is_dominated_by_one_that_spoke_other_texts() -> None:
    one = made("one", 23.4, (1.0, 1.1), "slight", 4.0)
    better = made("other", 13.9, (2.0, 2.1), "transparent", 4.5, text_set="generated v1")
    assert [point.dominated_by for point in compute_pareto([one, better])] == [(), ()]


def test_the_original_takes_part() -> None:
    larger_slower_worse = made("guide", 64.5, (0.3, 0.4), "broken", 2.0)
    assert [one.dominated_by for one in compute_pareto([ORIGINAL_ONE, larger_slower_worse])] == [(), (ORIGINAL,)]
    assert compute_pareto([]) == []


# Pruning


OLD_ONES = "2026-01-09T00:00:00.000Z"


def test_pruning_deletes_raw_samples_and_nothing_else(own_history: sqlite3.Connection, workspace: Workspace) -> None:
    with transaction(own_history):
        own_history.execute("INSERT INTO starts VALUES ('00-int4-1', 0, 1, 0.5, 0.9)")
        own_history.execute("INSERT INTO parallel_runs VALUES ('00-int4-1', 0, 2, 0.5, 0.9)")
    before = list_results(own_history)
    old = Prunable(*(count(own_history, table, OLD_ONES) for table in ("results", "samples")))
    assert prunable(own_history, OLD_ONES) == old
    assert prune(own_history, OLD_ONES) > 0
    assert list_results(own_history) == before
    assert prunable(own_history, OLD_ONES) == Prunable(0, 0)
    for made_of in (Sample, Startup, ParallelRun):
        assert list_parts(own_history, made_of, "00-int4-1") == ()
    assert len(list_parts(own_history, Sample, "15-int4-1")) == 10
    pages, page_size = (own_history.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    assert workspace.data_db.stat().st_size == pages * page_size
    assert prune(own_history, OLD_ONES) == 0


def test_missing_metrics_of_texts_are_stored_before_their_samples_are_deleted(
    own_history: sqlite3.Connection,
) -> None:
    samples = {one: list_parts(own_history, Sample, one) for one in ("00-int4-1", f"00-{ORIGINAL}-1")}
    measured, original = (Measurements(one, (), (), ()) for one in samples.values())
    with transaction(own_history):
        own_history.execute("INSERT INTO result_texts VALUES ('00-dynamic-int8-1', 'kept', 1, 2, 3, 4, 5)")
    prune(own_history, OLD_ONES)
    assert list_parts(own_history, TextMetrics, "00-int4-1") == metrics_by_text(original, measured)
    assert list_parts(own_history, TextMetrics, "00-dynamic-int8-1") == (TextMetrics("kept", 1, 2, 3, 4, 5),)
    assert list_parts(own_history, TextMetrics, "15-int4-1") == ()


def test_a_pruned_benchmark_can_still_be_read(own_history: sqlite3.Connection) -> None:
    before = read_benchmark(own_history, "b-00")
    prune(own_history, OLD_ONES)
    after = read_benchmark(own_history, "b-00")
    assert [one.figures for one in after.results] == [one.figures for one in before.results]
    assert {one.samples for one in after.results} == {()}
    assert read_samples(own_history, get_result(own_history, "00-int4-1")).original == ()


def test_nothing_is_pruned_while_a_benchmark_runs(own_history: sqlite3.Connection, voice: Voice) -> None:
    job = add_job(own_history, benchmark_job(voice, []))
    own_history.execute("UPDATE jobs SET state = 'running' WHERE id = ?", (job,))
    with pytest.raises(TtsdashError, match=f"benchmark job {job} is running.*ttsdash jobs wait {job}"):
        prune(own_history, OLD_ONES)
    assert prunable(own_history, OLD_ONES).samples == count(own_history, "samples", OLD_ONES)


def test_others_read_and_write_while_space_is_freed(
    own_history: sqlite3.Connection, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.history.prune._MAX_WAIT_S", 0.2)
    own_history.execute("PRAGMA busy_timeout = 100")
    with closing(open_store(workspace)) as other:
        rows = other.execute("SELECT id FROM results ORDER BY id")
        first = rows.fetchone()
        assert prune(own_history, OLD_ONES) > 0
        assert len([first, *rows]) == count(own_history, "results")
        with transaction(other):
            put_benchmark(other, a_record("new", results=(a_result("new", ORIGINAL),)), None)
        assert get_result(own_history, "new").benchmark_id == "new"


# Query plans


TABLES = "results|original|samples|benchmarks|starts|parallel_runs|result_texts|result_sounds"


def steps(db: sqlite3.Connection, call: Callable[[], object]) -> list[str]:
    """Return the query plan steps of a call, except index lookups and sorting the rows of a page."""
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    call()
    db.set_trace_callback(None)
    found = []
    for sql in asked:
        if re.match(r"\s*(SELECT|WITH)", sql):
            plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")]
            of_page = "SCAN place VIRTUAL TABLE INDEX 1:" in plan
            found += [line for line in plan if re.match(rf"SCAN ({TABLES})\b" + "|USE TEMP" * (not of_page), line)]
    return found


COUNT = r"SCAN results USING COVERING INDEX \w+"  # of all rows; it takes any
BY_TIME = "SCAN results USING COVERING INDEX results_by_time"
BY_VARIANT = "SCAN results USING COVERING INDEX results_by_variant"
ALL_FIGURES = "SCAN results USING COVERING INDEX results_figures"
WITH_REGRESSION = "SCAN results USING INDEX results_with_regression"
SORT, GROUP = "USE TEMP B-TREE FOR ORDER BY", "USE TEMP B-TREE FOR GROUP BY"
SORT_A_MOMENT = "USE TEMP B-TREE FOR RIGHT PART OF ORDER BY"


def by(column: str) -> str:
    return f"SCAN results USING COVERING INDEX results_sorted_by_{column}"


ONE_CONDITION = (
    *("voice:amy", "variant=int4", "machine:feed", "engine:onnx", "recipe:int4", "threads:1", "grade>=slight"),
    *("verdict:faster", "speedup>1", "rtf<1", "latency>1", "p90>1", "ttfa>1", "load>1", "throughput>1", "energy>1"),
    *("peak>1", "settled>1", "size>1", "pesq>1", "mel<1", "drift<1", "version:v1-a"),
)
SEVERAL_CONDITIONS = ("speedup>1 pesq>1", "voice:amy speedup>1", "-voice:amy", "noisy:yes", "variant:int", "a")


@pytest.mark.parametrize(
    ("text", "sort", "expected"),
    [
        # A single condition is looked up. The index of the order is scanned to the end of the page.
        *((text, "when", [BY_TIME]) for text in ONE_CONDITION),
        ("speedup>1", "speedup", []),
        ("speedup>1", "rtf", [by("rtf")]),
        ("since:2026-01-01", "when", []),
        # These two are in no useful order: times are scanned, and before that to count matches.
        ("benchmark:b-1", "when", [BY_TIME, BY_TIME]),
        ("regression:yes", "when", [BY_TIME, WITH_REGRESSION, BY_TIME, WITH_REGRESSION]),
        # Several conditions, and those that cannot be looked up, use the covering index, which is in time order.
        *((text, "when", [ALL_FIGURES, ALL_FIGURES, SORT_A_MOMENT]) for text in SEVERAL_CONDITIONS),
        ("since:2026-01-01 speedup>1", "when", [SORT_A_MOMENT]),
        ("speedup>1 pesq>1", "rtf", [ALL_FIGURES, by("rtf"), ALL_FIGURES]),
        ("since:2026-01-01 speedup>1", "rtf", [by("rtf")]),
        # No index has the names of voices: matches are counted per voice, and those of the page are sorted.
        ("speedup>1", "voice", [ALL_FIGURES, GROUP, ALL_FIGURES, SORT, ALL_FIGURES, SORT]),
        ("", "voice", [BY_VARIANT]),
    ],
)
def test_a_filtered_list_scans_only_narrow_indexes(
    text: str, sort: str, expected: list[str], history: sqlite3.Connection
) -> None:
    assert steps(history, lambda: list_page(history, read_filter(text), sort)) == expected


@pytest.mark.parametrize(
    ("text", "sort", "expected"),
    [
        *((text, "when", [ALL_FIGURES, SORT_A_MOMENT]) for text in ONE_CONDITION),
        ("speedup>0.5", "speedup", []),
        ("speedup>0.5", "rtf", [by("rtf"), ALL_FIGURES]),
        ("since:2026-01-01", "when", []),
        ("since:2026-01-01", "rtf", [by("rtf")]),
    ],
)
def test_many_matches_are_counted_by_lookup_and_listed_in_time_order(
    text: str, sort: str, expected: list[str], history: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.history.listing._MANY_MATCHES", 0)
    assert steps(history, lambda: list_page(history, read_filter(text), sort)) == expected


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sort", [sort for sort in SORTS if sort != "voice"])
def test_a_sorted_list_scans_the_index_of_its_order_without_sorting(
    sort: str, reverse: bool, history: sqlite3.Connection
) -> None:
    counted, walked = steps(history, lambda: list_page(history, (), sort, reverse))
    assert walked == (BY_TIME if sort == "when" else by(FIELDS[sort].column))
    assert re.fullmatch(COUNT, counted)


def judge_again(db: sqlite3.Connection) -> None:
    record = read_benchmark(db, "b-00")
    list_earlier(db, record, record.results[0])


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param(list_results, [BY_TIME], id="the dashboard's list"),
        pytest.param(voice_names, [], id="voices"),
        pytest.param(lambda db: list_trend(db, AMY, "int4", this_machine()), [], id="a trend"),
        pytest.param(lambda db: read_samples(db, get_result(db, "00-int4-1")), [], id="samples to compare"),
        pytest.param(lambda db: prunable(db, OLD_ONES), [], id="what may go"),
        # A few rows each: those of a benchmark, of a variant at all cores, of the variants of a voice.
        pytest.param(lambda db: list_results(db, benchmark_id="b-00"), [SORT], id="a benchmark"),
        pytest.param(judge_again, [SORT], id="what a regression is judged by"),
        pytest.param(lambda db: newest_result(db, AMY, "int4", this_machine()), [SORT], id="the newest of a variant"),
        pytest.param(lambda db: find_result(db, "amy/int4"), [SORT, SORT], id="a result to compare"),
        pytest.param(lambda db: variants_of(db, AMY), [SORT], id="variants"),
        pytest.param(lambda db: list_newest(db, "m", AMY), [SORT], id="the newest of a voice"),
        # Those of all voices are found in one scan of that index.
        pytest.param(lambda db: list_newest(db, "m"), [BY_VARIANT, SORT], id="the newest of all"),
    ],
)
def test_no_other_query_scans_a_table_or_sorts_more_than_it_returns(
    call: Callable[[sqlite3.Connection], object], expected: list[str], history: sqlite3.Connection
) -> None:
    assert steps(history, lambda: call(history)) == expected
