"""`core.store.results`: benchmarks are stored completely and read as they were stored."""

import json
import sqlite3
from contextlib import closing
from dataclasses import fields, replace
from typing import Any

import pytest
import sqlite_utils

from core.errors import NotFound
from core.hardware.limits import Limits
from core.hardware.machine import Machine, this_environment, this_machine
from core.records.benchmarks import BenchmarkRecord, ParallelRun, Sample, Startup, TextMetrics, TextSound
from core.records.results import Result
from core.records.voices import ORIGINAL, Voice
from core.store.database import open_store, transaction
from core.store.migrations import migrations
from core.store.results import get_result, list_parts, list_results, newest_result, put_benchmark, read_benchmark
from core.workspace import APPLICATION_ID, Workspace
from tests.core.voice_files import voice_file
from tests.factories import add_voice
from tests.measured import a_record, a_result

_TIMES = [f"2026-01-0{day}T00:00:00.000Z" for day in range(1, 10)]


def test_a_result_is_read_as_it_was_stored(db: sqlite3.Connection, stored: Voice) -> None:
    record = _record(stored, "b1")
    _put(db, record)
    result = get_result(db, "b1-original-1")
    figures = dict(record.results[0].figures)
    figures["speedup_ci"] = (figures.pop("speedup_low"), figures.pop("speedup_high"))
    given = {field.name: getattr(result, field.name) for field in fields(Result)}
    assert given == figures | {
        "limits": None,
        "benchmark_id": "b1",
        "voice": "amy",
        "voice_id": record.voice_id,
        "machine": "m",
        "machine_facts": record.machine.facts,
        "environment": record.environment.versions,
        "benchmark_version": "v1",
        "text_set": "en v1",
        "text_set_note": None,
        "created_at": _TIMES[0],
    }


def test_metrics_that_were_not_measured_are_none_with_the_reason(db: sqlite3.Connection, stored: Voice) -> None:
    _put(db, _record(stored, "b1", mel_db=None, grade=None, pesq=None, unmeasured={"mel_db": "no audio"}))
    result = list_results(db)[0]
    assert (result.mel_db, result.grade, result.pesq) == (None, None, None)
    assert result.unmeasured == {"mel_db": "no audio"}


def test_a_variant_that_could_not_be_timed_has_no_speed_and_no_interval(db: sqlite3.Connection, stored: Voice) -> None:
    untimed = dict.fromkeys(("speedup", "speedup_low", "speedup_high", "verdict", "rtf", "latency_ms", "load_s"))
    _put(db, _record(stored, "b1", **untimed, engine=None, program_db=47.2, unmeasured={"speedup": "it needs macOS"}))
    result = list_results(db)[0]
    assert (result.speedup, result.speedup_ci, result.verdict, result.engine) == (None, None, None, None)
    assert (result.program_db, result.unmeasured) == (47.2, {"speedup": "it needs macOS"})


def test_every_raw_sample_is_stored(db: sqlite3.Connection, stored: Voice) -> None:
    _put(db, _record(stored, "b1"))
    assert list_parts(db, Sample, "b1-small-1") == tuple(
        Sample(pair, text, pair / 10, 2.0) for pair in (0, 1) for text in ("long", "short")
    )
    assert list_parts(db, Sample, "nothing") == ()


def test_a_benchmark_is_read_as_it_was_stored(db: sqlite3.Connection, stored: Voice) -> None:
    put = _record(stored, "b1", regression={"speed": "slower"})
    parts = {
        "samples": (Sample(0, "short", 0.1, 2.0, 0.05, 0.2, 1.5, 0.01),),
        "starts": (Startup(0, True, 0.5, 1.5), Startup(1, False, 0.3, 1.2)),
        "parallel_runs": (ParallelRun(0, 2, 0.4, 4.0),),
        "texts": (TextMetrics("short", 2.0, 100.0, 110.0, 0.05, 1.1),),
        "sounds": (TextSound("question", 0.5, None, None, None), TextSound("short", 0.0, 1.5, 4.2, 0.98)),
    }
    put = replace(put, results=tuple(replace(result, **parts) for result in put.results))
    _put(db, put)
    in_order = sorted(
        put.results,
        key=lambda made: (made.figures["threads"], made.figures["variant"] != ORIGINAL, made.figures["variant"]),
    )
    assert read_benchmark(db, "b1") == replace(put, results=tuple(in_order))
    with pytest.raises(NotFound, match="benchmark not found: 'b2'"):
        read_benchmark(db, "b2")


def test_results_are_listed_newest_first_and_within_a_benchmark_the_original_first(
    db: sqlite3.Connection, stored: Voice
) -> None:
    _put(db, _record(stored, "b1"))
    _put(db, _record(stored, "b2", at=_TIMES[1]))
    expected = ["original-1", "aaa-1", "small-1", "original-4", "aaa-4", "small-4"]
    listed = [result.id for result in list_results(db)]
    assert listed == [f"{benchmark}-{entry}" for benchmark in ("b2", "b1") for entry in expected]
    assert [result.id for result in list_results(db, limit=3)] == listed[:3]


def test_results_that_an_older_version_stored_are_listed_in_the_same_order(workspace: Workspace) -> None:
    """Older versions stored results in the order of measuring."""
    with closing(sqlite3.connect(workspace.data_db)) as old:
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        migrations().apply(sqlite_utils.Database(old), stop_before="m004_history")
        old.executescript("""PRAGMA user_version = 3; INSERT INTO machines VALUES ('m', '{}');
            INSERT INTO environments VALUES ('e', '{}');
            INSERT INTO voices VALUES ('v', 'amy', '/amy.onnx', 1, 22050, 1, 'en', '{}', '{}', 't')""")
        for at in ("t2", "t1"):
            old.execute(f"INSERT INTO benchmarks VALUES ('{at}', 'v', NULL, 'm', 'e', '3', '{{}}', '{{}}', '{at}')")
            old.executemany(
                """INSERT INTO results (id, benchmark_id, voice_id, variant, variant_sha256, threads, stock, pairs,
                       original_latency_ms, size_bytes, defects, noisy, unmeasured, created_at)
                   VALUES (?, ?, 'v', ?, 's', ?, 1, 10, 5, 9, '{}', 0, '{}', ?)""",
                [
                    (f"{at}-{variant}-{threads}", at, variant, threads, at)
                    for threads in (1, 4)
                    for variant in (ORIGINAL, "small", "aaa")
                ],
            )
        old.commit()
    with closing(open_store(workspace)) as db:
        of_one = ["original-1", "aaa-1", "small-1", "original-4", "aaa-4", "small-4"]
        listed = [result.id for result in list_results(db)]
        assert listed == [f"{at}-{entry}" for at in ("t2", "t1") for entry in of_one]
        assert [result.figures["id"] for result in read_benchmark(db, "t1").results] == listed[6:]


def test_results_are_found_by_voice_variant_and_benchmark(db: sqlite3.Connection, stored: Voice) -> None:
    other = add_voice(db, voice_file("/voices/bob.onnx", "b" * 64))
    for number, voice in enumerate((stored, stored, other)):
        _put(db, _record(voice, f"b{number}", at=_TIMES[number]))
    assert {result.voice for result in list_results(db, voice_id=other.id)} == {"bob"}
    assert [result.id for result in list_results(db, voice_id=stored.id, variant="small", benchmark_id="b0")] == [
        "b0-small-1",
        "b0-small-4",
    ]
    assert len(list_results(db, variant="original")) == 6
    assert list_results(db, benchmark_id="b9") == []


def test_a_result_is_found_by_the_start_of_its_id(db: sqlite3.Connection, stored: Voice) -> None:
    _put(db, _record(stored, "b1"))
    assert get_result(db, "b1-small-4").id == "b1-small-4"
    _put(db, replace(_record(stored, "c2"), results=_record(stored, "c2").results[:1]))
    assert get_result(db, "c").id == "c2-original-1"


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ("", "result not found"),
        ("b1", "several results"),
        ("b2", "result not found"),
        ("%", "result not found"),
        ("\udcff", "result not found"),
    ],
)
def test_an_unknown_or_ambiguous_id_is_not_found(
    prefix: str, message: str, db: sqlite3.Connection, stored: Voice
) -> None:
    _put(db, _record(stored, "b1"))
    with pytest.raises(NotFound, match=message):
        get_result(db, prefix)


def test_a_benchmark_is_stored_completely_or_not_at_all(db: sqlite3.Connection, stored: Voice) -> None:
    record = _record(stored, "b1")
    twice = replace(record, results=(*record.results, record.results[0]))
    with pytest.raises(sqlite3.IntegrityError):
        _put(db, twice)
    for table in ("machines", "environments", "benchmarks", "results", "samples"):
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
    _put(db, record)
    assert len(list_results(db)) == 6


def test_machines_and_environments_are_stored_once(db: sqlite3.Connection, stored: Voice) -> None:
    _put(db, _record(stored, "b1"))
    _put(db, _record(stored, "b2"))
    _put(db, replace(_record(stored, "b3"), machine=Machine("other", {"cores": 64})))
    assert db.execute("SELECT count(*) FROM machines").fetchone()[0] == 2
    assert db.execute("SELECT count(*) FROM environments").fetchone()[0] == 1
    assert {result.machine for result in list_results(db, benchmark_id="b3")} == {"other"}


def test_texts_and_load_are_stored_with_the_benchmark(db: sqlite3.Connection, stored: Voice) -> None:
    _put(db, _record(stored, "b1"))
    row = db.execute("SELECT texts, load, job_id FROM benchmarks").fetchone()
    assert (json.loads(row["texts"]), json.loads(row["load"])) == ({"name": "en v1"}, {"noisy": False})
    assert row["job_id"] is None


def test_the_limits_of_the_worker_are_read_with_each_result(db: sqlite3.Connection, stored: Voice) -> None:
    limits = Limits(machine_cores=4, cores=1, nice=15, variables=("OMP_NUM_THREADS=1",))
    _put(db, _record(stored, "b1"))
    _put(db, replace(_record(stored, "b2"), load={"limits": limits.to_json()}))
    assert {result.limits for result in list_results(db, benchmark_id="b1")} == {None}
    assert {result.limits for result in list_results(db, benchmark_id="b2")} == {limits}


def test_all_cores_are_those_that_the_worker_had_the_most_if_it_had_several(
    db: sqlite3.Connection, stored: Voice
) -> None:
    def newest(sha256: str | None = None) -> str | None:
        found = newest_result(db, stored.id, "small", record.machine, sha256)
        return found.id if found else None

    record = _record(stored, "b1", at=_TIMES[0], threads=1, stock=True)
    limited = [one for one in record.results if one.id.endswith("-1")]
    _put(db, replace(record, results=tuple(limited)))
    assert newest() == "b1-small-1"
    _put(db, _record(stored, "b2", at=_TIMES[1]))
    assert newest() == "b2-small-4"
    again = [replace(one, id=one.id.replace("b1", "b3")) for one in limited]
    _put(db, replace(record, id="b3", created_at=_TIMES[2], results=tuple(again)))
    assert newest() == "b2-small-4"
    made_again = [replace(one, id=one.id.replace("b1", "b4"), variant_sha256="d" * 64) for one in limited]
    _put(db, replace(record, id="b4", created_at=_TIMES[2], results=tuple(made_again)))
    assert newest("d" * 64) == "b4-small-1"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"name": "en v1"}, ("en v1", None)),
        ({"name": "generated v1", "note": "from its phonemes"}, ("generated v1", "from its phonemes")),
        # Of another program, or of an old export.
        ({}, ("", None)),
        ({"name": 7, "note": {"a": 1}}, ("7", "{'a': 1}")),
    ],
)
def test_a_result_has_the_name_of_its_texts_and_the_note_on_them(
    texts: dict[str, Any], expected: tuple[str, str | None], db: sqlite3.Connection, stored: Voice
) -> None:
    _put(db, replace(_record(stored, "b1"), texts=texts))
    result = list_results(db)[0]
    assert (result.text_set, result.text_set_note) == expected


def test_results_of_a_renamed_voice_have_its_current_name(db: sqlite3.Connection, stored: Voice) -> None:
    _put(db, _record(stored, "b1"))
    with transaction(db):
        db.execute("UPDATE voices SET key = 'eve'")
    assert {result.voice for result in list_results(db)} == {"eve"}


def test_this_machine_and_environment_can_be_stored(db: sqlite3.Connection, stored: Voice) -> None:
    machine, environment = this_machine(), this_environment()
    _put(db, replace(_record(stored, "b1"), machine=machine, environment=environment))
    result = list_results(db)[0]
    assert (result.machine_facts, result.environment) == (machine.facts, environment.versions)
    assert (this_machine(), this_environment()) == (machine, environment)
    assert "onnxruntime" in environment.versions
    assert "onnxruntime" not in machine.facts


def _put(db: sqlite3.Connection, record: BenchmarkRecord) -> None:
    with transaction(db):
        put_benchmark(db, record, job_id=None)


def _record(voice: Voice, benchmark: str, at: str = _TIMES[0], **changes: Any) -> BenchmarkRecord:
    samples = tuple(Sample(pair, text, pair / 10, 2.0) for pair in (0, 1) for text in ("short", "long"))
    results = [
        a_result(f"{benchmark}-{variant}-{threads}", variant, **{"threads": threads, "stock": threads == 4} | changes)
        for variant in ("small", "aaa", "original")
        for threads in (4, 1)
    ]
    return a_record(
        benchmark,
        voice_id=voice.id,
        voice_key=voice.key,
        created_at=at,
        results=tuple(replace(result, samples=samples) for result in results[::-1]),
    )
