"""`data.db` on a network file system: no write-ahead log, whose shared memory does not reach other machines."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import InvalidInput, TtsdashError
from core.store import database
from core.store.database import open_store, transaction
from core.store.jobs import list_jobs
from core.workspace import Workspace, find_workspace

Move = Callable[[str | None], None]


@pytest.fixture
def move(monkeypatch: pytest.MonkeyPatch) -> Move:
    """Make the workspace look as if it was moved to another file system."""
    monkeypatch.setattr(database, "_LEAVE_WAL_S", 0.2)
    return lambda kind: monkeypatch.setattr(database, "network_file_system", lambda _: kind)


def mode_of(db: sqlite3.Connection) -> str:
    return str(db.execute("PRAGMA journal_mode").fetchone()[0])


def files(workspace: Workspace) -> set[str]:
    return {path.name for path in workspace.root.glob("data.db*")}


@pytest.fixture
def shared(workspace: Workspace, move: Move) -> Iterator[sqlite3.Connection]:
    """A store that was created on a network file system."""
    move("nfs4")
    with closing(open_store(workspace)) as db:
        yield db


def test_a_store_on_a_network_file_system_has_a_rollback_journal_and_survives_a_power_cut(
    workspace: Workspace, shared: sqlite3.Connection
) -> None:
    assert mode_of(shared) == "delete"
    # EXTRA: the folder is flushed, too, when the journal is deleted.
    assert shared.execute("PRAGMA synchronous").fetchone()[0] == 3
    assert shared.execute("PRAGMA locking_mode").fetchone()[0] == "normal"
    with transaction(shared):
        shared.execute("UPDATE queue SET paused_at = 'now'")
    assert files(workspace) == {"data.db"}


def test_several_connections_share_a_store_on_a_network_file_system(
    workspace: Workspace, shared: sqlite3.Connection
) -> None:
    with closing(open_store(workspace)) as other:
        for db, seen in ((shared, other), (other, shared)):
            with transaction(db):
                db.execute("UPDATE queue SET paused_at = coalesce(paused_at, '') || 'x'")
            assert (
                seen.execute("SELECT paused_at FROM queue").fetchone()
                == db.execute("SELECT paused_at FROM queue").fetchone()
            )


@pytest.mark.parametrize("crashed", [False, True])
def test_a_store_with_a_write_ahead_log_that_comes_to_a_network_file_system_is_switched_and_keeps_everything(
    crashed: bool, workspace: Workspace, move: Move, tmp_path: Path
) -> None:
    with closing(open_store(workspace)) as db:
        with transaction(db):
            db.execute("UPDATE queue SET paused_at = 'earlier'")
        assert files(workspace) == {"data.db", "data.db-wal", "data.db-shm"}
        left = {name: (workspace.root / name).read_bytes() for name in files(workspace)}
    if crashed:
        for name, content in left.items():
            (workspace.root / name).write_bytes(content)
    move("beegfs")
    with closing(open_store(workspace)) as db:
        assert mode_of(db) == "delete"
        assert db.execute("SELECT paused_at FROM queue").fetchone()[0] == "earlier"
    assert "data.db-wal" not in files(workspace)


def test_a_store_whose_write_ahead_log_is_in_use_is_refused_on_a_network_file_system_until_it_is_closed(
    workspace: Workspace, move: Move
) -> None:
    with closing(open_store(workspace)) as old:
        old.execute("SELECT * FROM queue").fetchall()
        move("nfs4")
        with pytest.raises(
            InvalidInput, match=r"in use in a mode that loses data on a network file system \(nfs4\)"
        ) as no:
            open_store(workspace)
        assert "ttsdash worker stop --now" in str(no.value)
        assert mode_of(old) == "wal"
    with closing(open_store(workspace)) as db:
        assert mode_of(db) == "delete"


def test_a_store_that_comes_back_to_a_local_disk_has_a_write_ahead_log_again(
    workspace: Workspace, shared: sqlite3.Connection, move: Move
) -> None:
    shared.close()
    move(None)
    with closing(open_store(workspace)) as db:
        assert mode_of(db) == "wal"
        assert list_jobs(db) == []


def test_a_network_file_system_without_locks_is_refused_with_the_way_out(
    workspace: Workspace, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("locking protocol")

    move("davfs")
    monkeypatch.setattr(database, "_check", fail)
    with pytest.raises(TtsdashError) as no:
        open_store(workspace)
    assert str(no.value) == (
        f"cannot open {workspace.data_db} on this network file system (davfs) (locking protocol): "
        "check free disk space, permissions and file locks, or use --home DIR with a local folder"
    )


def test_a_workspace_is_found_while_another_program_locks_it_out_of_reading(
    workspace: Workspace, shared: sqlite3.Connection
) -> None:
    with closing(sqlite3.connect(workspace.data_db, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert find_workspace(start=workspace.optimized_models) == workspace


def test_a_workspace_is_found_after_a_crash_in_the_middle_of_a_transaction(
    workspace: Workspace, shared: sqlite3.Connection, tmp_path: Path
) -> None:
    shared.execute("PRAGMA cache_size = 1")
    shared.execute("PRAGMA cache_spill = 1")
    shared.execute("BEGIN IMMEDIATE")
    shared.execute(
        "CREATE TABLE filler AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
        "SELECT i, randomblob(100) AS noise FROM n"
    )
    journal = workspace.root / "data.db-journal"
    assert journal.stat().st_size
    copy = Workspace(tmp_path / "copy")
    copy.prepare()
    for name in ("data.db", "data.db-journal"):
        (copy.root / name).write_bytes((workspace.root / name).read_bytes())
    shared.execute("ROLLBACK")
    assert find_workspace(start=copy.optimized_models) == copy
    with closing(open_store(copy)) as db:
        assert not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'filler'").fetchone()
