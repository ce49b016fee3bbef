"""`core.store.database` opens a workspace's database, makes it, and leaves alone what is not its own."""

import itertools
import os
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_utils

from core.records.benchmarks import Sample
from core.records.job_states import ENDED
from core.records.jobs import NewJob
from core.records.resources import Resources
from core.records.voices import Outdated, Voice
from core.store import data_file
from core.store.activity import read_activity
from core.store.database import open_store, transaction
from core.store.durations import estimate
from core.store.jobs import (
    add_job,
    count_jobs,
    get_job,
    list_events,
    list_jobs,
    list_queued,
    open_ids,
    paused_ids,
)
from core.store.lifecycle import claim, dependents, finish, next_not_before, next_runnable, requeue
from core.store.migrations import VERSION, migrations
from core.store.pausing import pause_jobs
from core.store.queue_control import cancel_all, forget_ended, move_before, retry_failed
from core.store.results import list_parts, list_results
from core.store.voices import list_voices
from core.workspace import APPLICATION_ID, Workspace, find_workspace
from tests.core.other_process import in_another_process, start_in_another_process
from tests.core.refusals import refusal

_TABLES = {
    "voices",
    "variants",
    "jobs",
    "job_after",
    "job_events",
    "machines",
    "environments",
    "benchmarks",
    "results",
    "samples",
    "queue",
}

# What the first version of the program asked for: no later one has taken any of it away, but for `group_started`.
_FIRST_COLUMNS = """id, kind, voice_id, variant, params, state, alone, priority, not_before, attempt, last_attempt, stage,
    progress, cancel_asked, process_group, heartbeat_at, created_at, started_at, finished_at, error, result"""
_FIRST_READS = (
    f"SELECT {_FIRST_COLUMNS}, (SELECT group_concat(after_id) FROM job_after WHERE job_id = jobs.id) FROM jobs",
    "SELECT id FROM jobs WHERE state = 'queued' ORDER BY priority DESC, id",
    "SELECT * FROM job_after",
    "SELECT id, job_id, attempt, at, event, detail FROM job_events ORDER BY id",
    "SELECT key, path FROM voices",
)
_JOBS_OF_OLD = """
    INSERT INTO voices VALUES ('v', 'amy', '/amy.onnx', 1, 22050, 1, 'en', '{}', '{}', 't');
    INSERT INTO jobs (id, kind, voice_id, variant, params, state, alone, priority, not_before, attempt, last_attempt, stage,
        progress, process_group, group_started, heartbeat_at, created_at, started_at, finished_at, error, result)
    VALUES
        (1, 'quantize', 'v', 'int8', '{"a": 1}', 'succeeded', 0, 0, NULL, 1, 3, NULL, 1.0, NULL, NULL, 't2', 't1', 't2',
            't3', NULL, '{"b": 2}'),
        (2, 'quantize', 'v', 'int4', '{}', 'failed', 0, 0, NULL, 3, 3, NULL, NULL, NULL, NULL, 't2', 't1', 't2', 't3',
            'it broke', NULL),
        (3, 'benchmark', 'v', NULL, '{}', 'cancelled', 1, 0, NULL, 0, 3, NULL, NULL, NULL, NULL, NULL, 't1', NULL, 't3',
            'job 2, which it waits for, failed', NULL),
        (4, 'quantize', 'v', 'int8', '{}', 'running', 0, 1, NULL, 2, 4, 'halfway', 0.5, 4711, 12.5, 't2', 't1', 't2',
            NULL, NULL, NULL),
        (5, 'benchmark', 'v', NULL, '{}', 'queued', 1, 0, NULL, 0, 3, NULL, NULL, NULL, NULL, NULL, 't1', NULL, NULL,
            NULL, NULL),
        (6, 'quantize', 'v', 'late', '{}', 'queued', 0, 5, '9999-01-01T00:00:00.000Z', 0, 3, NULL, NULL, NULL, NULL, NULL,
            't1', NULL, NULL, NULL, NULL),
        (7, 'convert', 'v', 'coreml', '{}', 'queued', 0, 2, NULL, 1, 3, NULL, NULL, NULL, NULL, 't2', 't1', NULL, NULL,
            NULL, NULL),
        (8, 'quantize', 'v', 'low', '{}', 'queued', 0, -1, NULL, 0, 3, NULL, NULL, NULL, NULL, NULL, 't1', NULL, NULL,
            NULL, NULL),
        (9, 'quantize', 'v', 'int4', '{}', 'queued', 0, 0, NULL, 0, 3, NULL, NULL, NULL, NULL, NULL, 't1', NULL, NULL,
            NULL, NULL);
    INSERT INTO job_after VALUES (3, 2), (5, 1), (5, 4), (9, 1);
    INSERT INTO job_events (id, job_id, attempt, at, event, detail) VALUES (1, 1, 0, 't1', 'queued', NULL),
        (2, 1, 1, 't2', 'started', NULL), (3, 1, 1, 't3', 'succeeded', NULL), (5, 2, 3, 't3', 'failed', 'it broke'),
        (6, 3, 0, 't3', 'cancelled', 'job 2, which it waits for, failed'), (8, 4, 2, 't2', 'started', NULL);
"""


def test_the_migrations_make_the_schema(db: sqlite3.Connection) -> None:
    assert {row["name"] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")} >= _TABLES
    assert db.execute("PRAGMA user_version").fetchone()[0] == VERSION
    assert db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def _make_old(workspace: Workspace, version: int, content: str) -> None:
    """A database as an older version has left it."""
    after = {1: "m002_selection", 2: "m003_queue", 6: "m007_identity", 8: "m009_paused_jobs"}[version]
    with closing(sqlite3.connect(workspace.data_db)) as old:
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        migrations().apply(sqlite_utils.Database(old), stop_before=after)
        old.executescript(f"PRAGMA journal_mode = WAL; PRAGMA user_version = {version}; {content}")


def test_a_database_of_the_first_version_keeps_all_it_holds(workspace: Workspace) -> None:
    _make_old(
        workspace,
        1,
        """
            INSERT INTO machines VALUES ('m', '{}');
            INSERT INTO environments VALUES ('e', '{}');
            INSERT INTO voices VALUES ('v', 'amy', '/amy.onnx', 1, 22050, 1, 'en', '{}', '{}', 't');
            INSERT INTO benchmarks VALUES ('b', 'v', NULL, 'm', 'e', '3', '{}', '{}', 't');
            INSERT INTO results VALUES ('r', 'b', 'v', 'original', 'v', NULL, 1, 1, 10, 1.0, 0.9, 1.1, 'no difference',
                0.1, 5, 6, 5, 0.5, 200, 50, NULL, 9, 0, 0, 4.6, 1, '{}', 'slight', 0, '{}', 't');
            INSERT INTO samples VALUES ('r', 0, 'short', 1.5, 2.5);
        """,
    )
    with closing(open_store(workspace)) as db:
        (result,) = list_results(db)
        assert (result.voice, result.speedup, result.speedup_ci, result.peak_rss_mb) == ("amy", 1.0, (0.9, 1.1), 200.0)
        assert (result.engine, result.program_db) == ("onnxruntime", None)
        assert list_parts(db, Sample, "r") == (Sample(0, "short", 1.5, 2.5),)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        recreated = {row["name"] for row in db.execute("SELECT name FROM sqlite_schema WHERE tbl_name = 'results'")}
        assert recreated >= {"results_by_time", "results_by_variant", "results_by_benchmark"}


@pytest.mark.parametrize("version", [1, 2])
def test_the_queue_of_an_older_version_goes_on_as_it_stood(workspace: Workspace, version: int) -> None:
    _make_old(workspace, version, _JOBS_OF_OLD)
    with closing(sqlite3.connect(workspace.data_db)) as old:
        before = [old.execute(statement).fetchall() for statement in _FIRST_READS]
    with closing(open_store(workspace)) as db:
        assert [[tuple(row) for row in db.execute(statement)] for statement in _FIRST_READS] == before
        assert [job.id for job in list_queued(db)] == [6, 7, 5, 9, 8]
        assert (get_job(db, 5).resources, get_job(db, 9).resources) == (Resources(exclusive=True), Resources())
        assert (get_job(db, 5).after, get_job(db, 5).waits_for) == ((1, 4), (4,))
        # A run without machine and duration is no basis for an estimate.
        assert estimate(db, get_job(db, 4), "here") is None
        for check in ("integrity_check", "foreign_key_check"):
            assert [row[0] for row in db.execute(f"PRAGMA {check}")] == (["ok"] if check == "integrity_check" else [])
        _run_all_of_old(db)
    # What was done with it is all in the file.
    with closing(open_store(workspace)) as db:
        assert count_jobs(db) == {"succeeded": 7, "queued": 3}


def _run_all_of_old(db: sqlite3.Connection) -> None:
    """The next worker puts back what was left running, and runs what there is."""
    assert requeue(db, 4, 2, "its worker died") == "queued"
    with transaction(db):
        assert add_job(db, NewJob("quantize", "v", "new", {})) == 10
    assert [job.id for job in list_queued(db)] == [6, 7, 4, 5, 9, 10, 8]
    ran = []
    while job := claim(db):
        ran.append(job.id)
        finish(db, job.id, job.attempt, "succeeded")
    assert ran == [7, 4, 5, 9, 10, 8]
    assert get_job(db, 4).attempt == 3
    assert retry_failed(db) == [2, 3]


def test_the_jobs_of_a_version_that_paused_none_run_and_can_be_paused(workspace: Workspace) -> None:
    _make_old(
        workspace,
        8,
        """
            INSERT INTO voices VALUES ('v', 'amy', '/amy.onnx', 1, 22050, 1, 'en', '{}', '{}', 't', 'amy');
            INSERT INTO jobs (id, kind, voice_id, params, state, alone, attempt, last_attempt, created_at, turn) VALUES
                (1, 'distill', 'v', '{}', 'running', 0, 1, 3, 't', 1), (2, 'distill', 'v', '{}', 'queued', 0, 0, 3, 't', 2),
                (3, 'benchmark', 'v', '{}', 'queued', 1, 0, 3, 't', 3), (4, 'distill', 'v', '{}', 'failed', 0, 3, 3, 't', 4);
        """,
    )
    with closing(open_store(workspace)) as db:
        assert ([job.paused_at for job in list_jobs(db)], paused_ids(db)) == ([None] * 4, [])
        assert pause_jobs(db, [1, 2]) == [1, 2]
        assert requeue(db, 1, 1, "its progress is saved") == "queued"
        assert [job.id for job in (claim(db), claim(db)) if job] == [3]
        assert paused_ids(db) == [1, 2]
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


@pytest.mark.parametrize("version", [1, 2])
def test_what_ended_before_an_upgrade_is_no_news(workspace: Workspace, version: int) -> None:
    _make_old(workspace, version, _JOBS_OF_OLD)
    with closing(open_store(workspace)) as db:
        away = read_activity(db)
        assert (away.since, away.ended, away.counts, away.running, away.waiting) == (None, (), {}, 1, 5)
        assert db.execute("SELECT hooked_event FROM queue").fetchone()[0] == 8
        # Also not when the events that were the last ones then are gone.
        forget_ended(db)
        finish(db, 4, 2, "succeeded")
        assert [job.id for job in read_activity(db).ended] == [4]
        assert list_events(db, 4)[-1].event == "succeeded"
        assert db.execute("SELECT max(id) FROM job_events").fetchone()[0] == 9


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_database_without_jobs_has_an_empty_queue(workspace: Workspace, version: int) -> None:
    _make_old(workspace, version, "")
    with closing(open_store(workspace)) as db:
        assert (list_jobs(db), claim(db), read_activity(db).up_to) == ([], None, 0)


def test_processes_that_open_an_older_database_at_once_all_see_all_of_it(workspace: Workspace) -> None:
    _make_old(workspace, 1, _JOBS_OF_OLD)
    then = "print(db.execute('SELECT count(*), sum(turn) FROM jobs').fetchone()[:])"
    processes = [start_in_another_process(workspace, then) for _ in range(2)]
    assert [process.communicate(timeout=60) for process in processes] == [("(9, 45)\n", "")] * 2


def test_voices_of_an_older_version_keep_their_ids_names_and_variants_and_get_folders(workspace: Workspace) -> None:
    long = "x" * 120
    _make_old(
        workspace,
        6,
        f"""
            INSERT INTO voices VALUES ('{"a" * 64}', 'Amy', '/Amy.onnx', 1, 22050, 1, 'en', '{{"a": 1}}', '{{}}', 't1');
            INSERT INTO voices VALUES ('{"b" * 64}', 'amy', '/amy.onnx', 1, 22050, 1, 'en', '{{}}', '{{}}', 't2');
            INSERT INTO voices VALUES ('{"c" * 64}', '{long}', '/1.onnx', 1, 22050, 1, 'en', '{{}}', '{{}}', 't3');
            INSERT INTO voices VALUES ('{"d" * 64}', '{long}-dddddddd', '/2.onnx', 1, 22050, 1, 'en', '{{}}', '{{}}', 't4');
            INSERT INTO variants VALUES ('{"a" * 64}', 'original', '{"a" * 64}', '/Amy.onnx', 1, NULL, '{{}}', NULL, '{{}}',
                NULL, 't', NULL);
            INSERT INTO variants VALUES ('{"a" * 64}', 'int4', 'e', '/int4.onnx', 1, 'int4', '{{}}', '{"a" * 64}', '{{}}',
                NULL, 't', NULL);
            INSERT INTO variants VALUES ('{"a" * 64}', 'other', 'f', '/other.onnx', 1, 'int4', '{{}}', '{"9" * 64}', '{{}}',
                NULL, 't', NULL);
        """,
    )
    with closing(open_store(workspace)) as db:
        voices = {voice.id[0]: voice for voice in list_voices(db)}
        assert {key: voice.key for key, voice in voices.items()} == {
            **{"a": "Amy", "b": "amy", "c": long, "d": f"{long}-dddddddd"},
        }
        assert (voices["a"].folder, voices["b"].folder) == ("Amy", f"amy-{'b' * 8}")
        assert (voices["c"].folder, voices["d"].folder) == (long, f"{'x' * 111}-{'d' * 8}")
        assert voices["a"].source_sha256 == "a" * 64
        assert [variant.outdated for variant in voices["a"].variants] == [None, None, Outdated.SOURCE]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


# Without statistics SQLite plans by the statement alone: what it does with one job it does with ten thousand.
# Counting goes through all of them, in an index that holds nothing else.
_MAY_BE_READ_WHOLE = {
    *("SCAN queue", "SCAN waiting", "SCAN sqlite_sequence"),
    "SCAN jobs USING COVERING INDEX jobs_by_turn",
}
_CALLS: dict[str, Callable[[sqlite3.Connection], object]] = {
    "next_in_turn": next_runnable,
    "next_time": next_not_before,
    "list_queued": list_queued,
    "list_jobs running": lambda db: list_jobs(db, ("running",)),
    "list_jobs ended": lambda db: list_jobs(db, ENDED),
    "list_jobs paused": lambda db: list_jobs(db, ("queued",), paused=True),
    "paused_ids": paused_ids,
    "pause_jobs": lambda db: pause_jobs(db, [5, 6]),
    "open_ids": open_ids,
    "count_jobs": count_jobs,
    "estimate": lambda db: estimate(db, get_job(db, 5), "here"),
    "dependents": lambda db: dependents(db, 5, "queued"),
    "list_events": lambda db: list_events(db, 1),
    "read_away": read_activity,
    "add_job": lambda db: add_job(db, NewJob("quantize", get_job(db, 1).voice_id, None, {}, after=(5,))),
    "claim": claim,
    "put_back": lambda db: requeue(db, 4, 1, "its worker died"),
    "finish": lambda db: finish(db, 4, 1, "failed"),
    "cancel_all": cancel_all,
    "retry_failed": retry_failed,
    "move_before": lambda db: move_before(db, 6, 5),
    "forget_ended": forget_ended,
}


@pytest.mark.parametrize("name", _CALLS)
def test_the_queue_is_searched_by_indexes(db: sqlite3.Connection, stored: Voice, name: str) -> None:
    plan = _plan(db, stored, _CALLS[name])
    assert plan
    assert not [line for line in plan if line.startswith("SCAN") and line not in _MAY_BE_READ_WHOLE]
    assert not [line for line in plan if "AUTOMATIC" in line]


@pytest.mark.parametrize("name", ["next_in_turn", "list_queued", "estimate", "list_events"])
def test_what_is_read_in_order_is_not_sorted_first(db: sqlite3.Connection, stored: Voice, name: str) -> None:
    assert not [line for line in _plan(db, stored, _CALLS[name]) if "TEMP B-TREE" in line]


def test_what_is_news_is_looked_for_among_the_events_that_are_new(db: sqlite3.Connection, stored: Voice) -> None:
    looked = {line for line in _plan(db, stored, read_activity) if " job_events" in line}
    # The other one is for the last event.
    assert looked == {"SEARCH job_events USING INTEGER PRIMARY KEY (rowid>?)", "SEARCH job_events"}


def _plan(db: sqlite3.Connection, voice: Voice, call: Callable[[sqlite3.Connection], object]) -> list[str]:
    """How SQLite does what a call asks of it, in a queue with jobs of every state: 4 runs, 5 and 6 wait."""
    with transaction(db):
        for after in ((), (1,), (), (), (), ()):
            add_job(db, NewJob("quantize", voice.id, "small", {}, after=after))
    for job_id, state in ((1, "failed"), (3, "succeeded")):
        claim(db)
        finish(db, job_id, 1, state)
    claim(db)
    statements: list[str] = []
    db.set_trace_callback(statements.append)
    call(db)
    db.set_trace_callback(None)
    asked = [entry for entry in dict.fromkeys(statements) if entry.split()[0] not in ("BEGIN", "COMMIT", "ROLLBACK")]
    return [row["detail"] for entry in asked for row in db.execute(f"EXPLAIN QUERY PLAN {entry}")]


def test_the_version_counts_the_migrations(db: sqlite3.Connection) -> None:
    applied = [row["name"] for row in db.execute("SELECT name FROM _sqlite_migrations ORDER BY name")]
    assert len(applied) == VERSION
    assert applied == [name for name in dir(_migrations_module()) if name.startswith("m0")]


def test_a_connection_loses_nothing_and_keeps_references_sound(db: sqlite3.Connection) -> None:
    pragmas = {name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO job_after VALUES (1, 2)")


def test_tables_are_strict(db: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO machines VALUES ('a', x'00')")


def test_opening_a_store_again_changes_nothing(workspace: Workspace) -> None:
    open_store(workspace).close()
    before = workspace.data_db.read_bytes()
    with open_store(workspace) as db:
        schema = [tuple(row) for row in db.execute("SELECT type, name, sql FROM sqlite_schema")]
    db.close()
    assert workspace.data_db.read_bytes() == before
    with open_store(workspace) as db:
        assert [tuple(row) for row in db.execute("SELECT type, name, sql FROM sqlite_schema")] == schema
    db.close()


def test_eight_processes_that_open_a_new_store_at_once_all_succeed(workspace: Workspace) -> None:
    then = "print(db.execute('SELECT count(*) FROM voices').fetchone()[0], db.execute('PRAGMA user_version').fetchone()[0])"
    processes = [start_in_another_process(workspace, then) for _ in range(8)]
    answers = [process.communicate(timeout=60) for process in processes]
    assert answers == [(f"0 {VERSION}\n", "")] * 8


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
        db.execute("CREATE TABLE voices (id TEXT PRIMARY KEY, new_column TEXT)")
        db.execute("INSERT INTO voices VALUES ('a', 'b')")
    db.close()


def _newer_in_wal(path: Path) -> None:
    _newer(path)
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.close()


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE holidays (day TEXT)")
    db.close()


def _foreign_with_an_id(path: Path) -> None:
    _foreign(path)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA application_id = 12345")
    db.close()


def _text(path: Path) -> None:
    path.write_text("id,name\n1,amy\n" * 100)


def _one_byte(path: Path) -> None:
    path.write_bytes(b"x")


def _short_text(path: Path) -> None:
    path.write_text("day,name\n")


def _damaged_header(path: Path) -> None:
    _foreign(path)
    path.write_bytes(b"SQLite format 2\0" + path.read_bytes()[16:])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_newer, "newer ttsdash"),
        (_newer_in_wal, "newer ttsdash"),
        (_foreign, "another program"),
        (_foreign_with_an_id, "another program"),
        (_text, "not a database"),
        (_short_text, "is not a database"),
        (_one_byte, "is not a database"),
        (_damaged_header, "not a database"),
    ],
)
def test_what_is_not_ours_is_refused_and_not_touched(
    make: Callable[[Path], None], message: str, workspace: Workspace
) -> None:
    make(workspace.data_db)
    before = workspace.data_db.read_bytes()
    assert message in refusal(open_store, workspace, names=workspace.data_db)
    assert workspace.data_db.read_bytes() == before


def _link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.mkdir, "is a folder, not a database: move it away, or use --home DIR"),
        (_link_to("."), "is a link to a folder, not a database: move it away, or use --home DIR"),
        (
            _link_to("gone"),
            "is a link to gone, which does not exist: restore that file, remove the link, or use --home",
        ),
        (_link_to("data.db"), "is a link to data.db, which does not exist: restore that file, remove the link, or use"),
        (os.mkfifo, "is not a regular file, so not a database: move it away, or use --home DIR"),
    ],
)
def test_what_is_in_the_place_of_the_database_is_named(
    make: Callable[[Path], None], message: str, workspace: Workspace
) -> None:
    make(workspace.data_db)
    assert refusal(open_store, workspace, names=workspace.data_db).startswith(f"{workspace.data_db} {message}")


def _no_byte(path: Path) -> None:
    path.touch()


def _no_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("VACUUM")


@pytest.mark.parametrize(
    ("make", "left"),
    [
        *itertools.product(
            (_no_byte, _no_table), ("optimized_models/amy/int4.onnx", "recordings/amy/int4.wav", "logs/7.log")
        ),
        (_no_byte, "data.db-wal"),
    ],
)
def test_an_empty_database_that_has_lost_its_content_is_refused_and_not_touched(
    make: Callable[[Path], None], left: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_file, "_FIRST_START_S", 0)
    make(workspace.data_db)
    before = workspace.data_db.read_bytes()
    path = workspace.root / left
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"made")
    message = refusal(open_store, workspace, names=workspace.data_db)
    assert message.startswith(f"{workspace.data_db} is empty, although {path} is there: restore it from a backup, or ")
    assert (workspace.data_db.read_bytes(), path.read_bytes()) == (before, b"made")
    # Also from within it: no other workspace is used instead.
    assert find_workspace(start=workspace.optimized_models) == workspace or make is _no_table
    # The fix works.
    assert subprocess.run(message.rpartition(": ")[2], shell=True, check=False).returncode == 0
    with closing(open_store(workspace)) as db:
        assert list_voices(db) == []


@pytest.mark.parametrize("left", ["optimized_models/README.md", "logs/worker.log", "ttsdash.yaml"])
def test_an_empty_file_in_a_workspace_without_work_becomes_its_database(left: str, workspace: Workspace) -> None:
    (workspace.root / left).write_text("")
    workspace.data_db.touch()
    open_store(workspace).close()
    assert find_workspace(start=workspace.root) == workspace


def test_processes_that_start_at_once_in_a_workspace_with_variants_wait_for_the_first_one(workspace: Workspace) -> None:
    path = workspace.optimized_models / "amy" / "int4.onnx"
    path.parent.mkdir()
    path.touch()
    processes = [start_in_another_process(workspace) for _ in range(4)]
    assert [process.communicate(timeout=60) for process in processes] == [("", "")] * 4


def test_what_is_made_is_for_its_owner_only(workspace: Workspace) -> None:
    db = open_store(workspace)
    with transaction(db):
        db.execute("INSERT INTO machines VALUES ('a', '{}')")
    files = [file for file in workspace.root.rglob("*") if file.is_file()]
    assert {"data.db", "data.db-wal", "data.db-shm"} <= {file.name for file in files}
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}
    folders = [workspace.root, workspace.optimized_models, workspace.logs]
    assert {oct(folder.stat().st_mode & 0o777) for folder in folders} == {"0o700"}
    db.close()


def test_a_transaction_is_all_or_nothing(db: sqlite3.Connection) -> None:
    with pytest.raises(KeyboardInterrupt), transaction(db):
        db.execute("INSERT INTO machines VALUES ('a', '{}')")
        raise KeyboardInterrupt
    assert db.execute("SELECT count(*) FROM machines").fetchone()[0] == 0
    with transaction(db):
        db.execute("INSERT INTO machines VALUES ('a', '{}')")
    assert db.execute("SELECT count(*) FROM machines").fetchone()[0] == 1


def test_one_transaction_waits_for_another(workspace: Workspace, db: sqlite3.Connection) -> None:
    then = "db.execute('BEGIN IMMEDIATE'); print(db.execute('SELECT count(*) FROM machines').fetchone()[0])"
    with transaction(db):
        waiting = start_in_another_process(workspace, then)
        db.execute("INSERT INTO machines VALUES ('a', '{}')")
    assert waiting.communicate(timeout=60) == ("1\n", "")


def test_a_second_connection_that_comes_and_goes_leaves_the_first_ones_locks(
    workspace: Workspace, db: sqlite3.Connection
) -> None:
    _store_a_machine(db, "first")
    log = workspace.data_db.with_name("data.db-wal")
    number = log.stat().st_ino
    open_store(workspace).close()
    # Were the locks gone, this process would take itself for the last one, and delete the log.
    in_another_process(workspace)
    assert log.stat().st_ino == number
    _store_a_machine(db, "second")
    output = in_another_process(
        workspace, "print(*(row[0] for row in db.execute('SELECT id FROM machines ORDER BY id')))"
    )
    assert output == "first second\n"


def _store_a_machine(db: sqlite3.Connection, name: str) -> None:
    with transaction(db):
        db.execute("INSERT INTO machines VALUES (?, '{}')", (name,))


def _migrations_module() -> object:
    import core.store.migrations

    assert core.store.migrations.migrations is migrations
    return core.store.migrations
