"""The filter language: parsing, errors, and the results it finds."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.clock import parse_timestamp
from core.errors import InvalidInput
from core.hardware.machine import this_machine
from core.history.filter import FIELDS, Term, read_filter
from core.history.listing import list_page
from core.history.since import parse_since
from core.quality.grade import GRADES, Grade
from core.records.results import Result
from core.store.database import open_store
from core.store.results import list_results
from core.workspace import Workspace
from tests.core.voice_files import voice_file
from tests.factories import add_voice
from tests.history import put_history


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """Return a history that tests only read."""
    with closing(open_store(Workspace(tmp_path_factory.mktemp("history")))) as db:
        add_voice(db, voice_file())
        put_history(db)
        yield db


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("  joe  int8 ", [Term(None, ":", "joe"), Term(None, ":", "int8")]),
        ('"joe at home" -"a b"', [Term(None, ":", "joe at home"), Term(None, ":", "a b", excluded=True)]),
        ("voice:joe", [Term("voice", ":", "joe")]),
        ('voice="joe at home"', [Term("voice", "=", "joe at home")]),
        ("variant:static-int8+clip=max", [Term("variant", ":", "static-int8+clip=max")]),
        ("-variant:int4", [Term("variant", ":", "int4", excluded=True)]),
        ("speedup>1.5 rtf<=0.05", [Term("speedup", ">", 1.5), Term("rtf", "<=", 0.05)]),
        ("size<30", [Term("size", "<", 30e6)]),
        ("drift>=-0.5", [Term("drift", ">=", -0.5)]),
        ("threads:2 threads<8", [Term("threads", ":", 2.0), Term("threads", "<", 8.0)]),
        ("grade>=slight", [Term("grade", ">=", "slight")]),
        ('verdict:"no difference"', [Term("verdict", ":", "no difference")]),
        ("noisy:no regression=yes", [Term("noisy", ":", False), Term("regression", "=", True)]),
    ],
)
def test_a_filter_is_parsed(text: str, terms: list[Term]) -> None:
    assert read_filter(text) == tuple(terms)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("joe speeed>1.5", "'speeed>1.5': unknown field 'speeed' (known: voice, variant, machine, "),
        ("speedup:1.5", "'speedup:1.5': speedup does not support : (write speedup>, speedup>=, speedup<, speedup<=)"),
        ("voice>joe", "'voice>joe': voice does not support > (write voice:, voice=)"),
        ("speedup>fast", "'speedup>fast': 'fast' is not a number"),
        ("speedup>nan", "'speedup>nan': 'nan' is not a number"),
        ("pesq>1e99", "'pesq>1e99': '1e99' is not a number"),
        ("grade>=good", "'grade>=good': 'good' is not one of broken, noticeable, slight, transparent"),
        ("verdict:quick", "'verdict:quick': 'quick' is not one of faster, slower, no difference"),
        ("noisy:perhaps", "'noisy:perhaps': 'perhaps' is not one of yes, no"),
        ("since:yesterday", "'since:yesterday': 'yesterday' is not a day or an age: write 2026-05-01, 12h, "),
        ("since:0d", "'0d' is not a day"),
        ("until:99999y", "'99999y' is not a day"),
        ("since:2026-02-30", "'2026-02-30' is not a day"),
        ("speedup >1.5", "not a filter term: '>1.5' (write voice:joe, speedup>1.5, a name, \"a name\" or -term)"),
        ("speedup>", "not a filter term: 'speedup>'"),
        ('voice:"joe', "not a filter term: 'voice:\"joe'"),
        ('"joe"home', "not a filter term: '\"joe\"home'"),
        ("voice:a\x1b[2J", r"the value contains characters that cannot be printed"),
        ("\udcff", r"the value contains characters that cannot be printed"),
    ],
)
def test_an_invalid_term_is_named_with_a_fix(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as error:
        read_filter(text)
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_grades_are_compared_by_quality() -> None:
    """SQL compares them alphabetically."""
    assert list(GRADES) == list(get_args(Grade)) == sorted(GRADES, reverse=True)


def test_days_are_in_local_time(in_utc: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_since("2026-05-01") == datetime(2026, 5, 1, tzinfo=UTC)
    assert parse_since("2026-05-01", whole_day=True) == datetime(2026, 5, 2, tzinfo=UTC)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    assert parse_since("2026-05-01") == datetime(2026, 4, 30, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("12h", timedelta(hours=12)),
        ("90d", timedelta(days=90)),
        ("2w", timedelta(days=14)),
        ("1y", timedelta(days=365)),
    ],
)
def test_ages_are_relative_to_now(text: str, ago: timedelta) -> None:
    before = datetime.now(UTC) - ago
    assert before <= parse_since(text) <= datetime.now(UTC) - ago


PIECES = st.one_of(
    st.sampled_from(
        [*FIELDS, ":", "=", ">", ">=", "<", "<=", "-", " ", '"', "joe", "1.5", "2w", "yes", "slight", "this"]
    ),
    st.text(max_size=3),
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join)))
@example("threads>999999999999999")
@example("since:0001-01-01 until:9999-12-31")
@example("benchmark:\U0010ffff")
def test_any_text_is_parsed_or_refused_in_one_line_and_can_be_queried(history: sqlite3.Connection, text: str) -> None:
    try:
        terms = read_filter(text)
    except InvalidInput as error:
        assert len(str(error).splitlines()) == 1
        return
    assert list_page(history, terms).total <= len(list_results(history))


Fits = Callable[[Result], object]
CASES: dict[str, Fits] = {
    "amy": lambda one: one.voice == "amy",
    "INT": lambda one: "int" in one.variant,
    "a": lambda one: True,
    "nobody": lambda one: False,
    "voice:joe": lambda one: one.voice == "joe at home",
    'voice="joe at home"': lambda one: one.voice == "joe at home",
    'voice="JOE at Home"': lambda one: one.voice == "joe at home",
    "voice=joe": lambda one: False,
    "variant:int": lambda one: "int" in one.variant,
    "variant=int4": lambda one: one.variant == "int4",
    "machine:this": lambda one: one.machine == this_machine().id,
    "machine:feed": lambda one: one.machine.startswith("feed"),
    "machine:APPLE": lambda one: one.machine_facts["cpu"] == "Apple M2",
    "engine:onnx": lambda one: one.engine == "onnxruntime",
    "recipe:dyn": lambda one: one.recipe == "dynamic",
    "threads:1": lambda one: one.threads == 1,
    "threads>=8": lambda one: one.threads >= 8,
    "grade>=slight": lambda one: one.grade in ("slight", "transparent"),
    "grade<slight": lambda one: one.grade in ("broken", "noticeable"),
    "grade:broken": lambda one: one.grade == "broken",
    "verdict:faster": lambda one: one.verdict == "faster",
    'verdict="no difference"': lambda one: one.verdict == "no difference",
    "speedup>1.2": lambda one: one.speedup is not None and one.speedup > 1.2,
    "speedup>=1.2": lambda one: one.speedup is not None and one.speedup >= 1.2,
    "rtf<0.05": lambda one: one.rtf is not None and one.rtf < 0.05,
    "latency<200": lambda one: one.latency_ms is not None and one.latency_ms < 200,
    "p90>200": lambda one: one.latency_p90_ms is not None and one.latency_p90_ms > 200,
    "ttfa<200": lambda one: one.ttfa_ms is not None and one.ttfa_ms < 200,
    "load<200": lambda one: one.load_s is not None and one.load_s < 200,
    "throughput<=8": lambda one: one.throughput is not None and one.throughput <= 8,
    "energy>5": lambda one: one.energy_j is not None and one.energy_j > 5,
    "peak<300": lambda one: one.peak_rss_mb is not None and one.peak_rss_mb < 300,
    "settled<300": lambda one: one.settled_rss_mb is not None and one.settled_rss_mb < 300,
    "size<=23.4": lambda one: one.size_bytes <= 23_400_000,
    "pesq>=3.9": lambda one: one.pesq is not None and one.pesq >= 3.9,
    "worst<3": lambda one: one.worst_pesq is not None and one.worst_pesq < 3,
    "tone<=6": lambda one: one.tone_db is not None and one.tone_db <= 6,
    "mel<3": lambda one: one.mel_db is not None and one.mel_db < 3,
    "drift<0": lambda one: one.duration_drift_pct is not None and one.duration_drift_pct < 0,
    "version:v2": lambda one: one.benchmark_version.startswith("v2"),
    "benchmark:b-1": lambda one: one.benchmark_id.startswith("b-1"),
    "noisy:yes": lambda one: one.noisy,
    "noisy:no": lambda one: not one.noisy,
    "regression:yes": lambda one: one.regression,
    "regression:no": lambda one: not one.regression,
    "since:2026-01-05": lambda one: parse_timestamp(one.created_at) >= datetime(2026, 1, 5, tzinfo=UTC),
    "until:2026-01-05": lambda one: parse_timestamp(one.created_at) < datetime(2026, 1, 6, tzinfo=UTC),
    "since:2w": lambda one: parse_timestamp(one.created_at) >= datetime.now(UTC) - timedelta(days=14),
    "-amy": lambda one: one.voice != "amy",
    "-speedup>1.2": lambda one: not (one.speedup is not None and one.speedup > 1.2),
    "-regression:yes": lambda one: not one.regression,
    "-grade:broken": lambda one: one.grade != "broken",
    "-recipe:dyn": lambda one: one.recipe != "dynamic",
    "voice:amy speedup>1.2 machine:this": lambda one: (
        one.voice == "amy" and (one.speedup or 0) > 1.2 and one.machine == this_machine().id
    ),
    "int since:2026-01-03 regression:yes benchmark:b": lambda one: (
        "int" in one.variant and one.regression and parse_timestamp(one.created_at) >= datetime(2026, 1, 3, tzinfo=UTC)
    ),
    "pesq>4 -noisy:yes -int4": lambda one: (one.pesq or 0) > 4 and not one.noisy and one.variant != "int4",
}


def test_every_field_is_tested() -> None:
    assert {term.field for text in CASES for term in read_filter(text)} == {None, *FIELDS}


@pytest.mark.parametrize("sort", ["when", "voice", "rtf"])
@pytest.mark.parametrize("text", CASES)
def test_a_filter_finds_exactly_what_matches(text: str, sort: str, history: sqlite3.Connection, in_utc: None) -> None:
    found = list_page(history, read_filter(text), sort)
    expected = {one.id for one in list_results(history) if CASES[text](one)}
    assert {one.id for one in found.results} == expected
    assert found.total == len(found.results) == len(expected)
