"""`core.store.database` opens a workspace's data base, makes it, and leaves alone what is not its own."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_utils

from core.store.database import open_store, transaction
from core.store.migrations import migrations
from core.store.results import list_results, list_samples
from core.store.schema import VERSION
from core.workspace import APPLICATION_ID, Workspace
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
}


def test_the_migrations_make_the_schema(db: sqlite3.Connection) -> None:
    assert {row["name"] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")} >= _TABLES
    assert db.execute("PRAGMA user_version").fetchone()[0] == VERSION
    assert db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_data_base_of_the_first_version_keeps_all_it_holds(workspace: Workspace) -> None:
    with closing(sqlite3.connect(workspace.data_db)) as old:
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        migrations.apply(sqlite_utils.Database(old), stop_before="m002_selection")
        old.executescript(
            """
            PRAGMA user_version = 1;
            INSERT INTO machines VALUES ('m', '{}');
            INSERT INTO environments VALUES ('e', '{}');
            INSERT INTO voices VALUES ('v', 'amy', '/amy.onnx', 1, 22050, 1, 'en', '{}', '{}', 't');
            INSERT INTO benchmarks VALUES ('b', 'v', NULL, 'm', 'e', '3', '{}', '{}', 't');
            INSERT INTO results VALUES ('r', 'b', 'v', 'original', 'v', NULL, 1, 1, 10, 1.0, 0.9, 1.1, 'no difference',
                0.1, 5, 6, 5, 0.5, 200, 50, NULL, 9, 0, 0, 4.6, 1, '{}', 'slight', 0, '{}', 't');
            INSERT INTO samples VALUES ('r', 0, 'short', 1.5, 2.5);
            """
        )
    with closing(open_store(workspace)) as db:
        (result,) = list_results(db)
        assert (result.voice, result.speedup, result.speedup_ci, result.peak_rss_mb) == ("amy", 1.0, (0.9, 1.1), 200.0)
        assert (result.engine, result.program_db) == ("onnxruntime", None)
        assert list_samples(db, "r") == [{"pair": 0, "text": "short", "seconds": 1.5, "audio_seconds": 2.5}]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        made_anew = {row["name"] for row in db.execute("SELECT name FROM sqlite_schema WHERE tbl_name = 'results'")}
        assert made_anew >= {"results_by_time", "results_by_variant", "results_by_benchmark"}


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
    ("make", "says"),
    [
        (_newer, "newer ttsdash"),
        (_newer_in_wal, "newer ttsdash"),
        (_foreign, "another program"),
        (_foreign_with_an_id, "another program"),
        (_text, "not a database"),
        (_short_text, "is no data base"),
        (_one_byte, "is no data base"),
        (_damaged_header, "not a database"),
    ],
)
def test_what_is_not_ours_is_refused_and_not_touched(
    make: Callable[[Path], None], says: str, workspace: Workspace
) -> None:
    make(workspace.data_db)
    before = workspace.data_db.read_bytes()
    assert says in refusal(open_store, workspace, names=workspace.data_db)
    assert workspace.data_db.read_bytes() == before


def test_a_folder_in_the_place_of_the_data_base_is_refused(workspace: Workspace) -> None:
    workspace.data_db.mkdir()
    refusal(open_store, workspace, names=workspace.data_db)


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
