"""Opens `data.db`: pragmas, migrations, transactions.

Reads and state changes are plain SQL on `sqlite3`. sqlite-utils runs the migrations and is imported only when one is due:
importing it takes 0.15 s and loads NumPy, which every start of the dashboard would pay for.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import InvalidInput, TtsdashError
from core.files import create_private
from core.store.data_file import find_loss, refuse_unusable
from core.store.locked import is_locked, store_locked
from core.store.migrations import VERSION, migrations
from core.workspace import APPLICATION_ID, Workspace, network_file_system

BUSY_TIMEOUT_S = 30
_LEAVE_WAL_S = 2


def open_store(workspace: Workspace) -> sqlite3.Connection:
    """Connect to the workspace's database, creating or migrating it if needed.

    Raises InvalidInput for a file that is not a ttsdash database or was written by a newer version; it stays untouched.
    """
    workspace.prepare()
    path, shared = workspace.data_db, None
    try:
        is_new = create_private(path)
        refuse_unusable(workspace, is_new)
        shared = network_file_system(workspace.root)
        return _open(path, shared)
    except sqlite3.OperationalError as error:
        if is_locked(error):
            raise store_locked(path) from error
        # The file itself may be fine: a full disk, a read-only folder, a server without locks.
        if shared:
            where = f"{path} on this network file system ({shared})"
            fix = "check free disk space, permissions and file locks, or use --home DIR with a local folder"
            raise TtsdashError(f"cannot open {where} ({error}): {fix}") from error
        raise TtsdashError(
            f"cannot open {path} ({error}): check free disk space and permissions, then try again"
        ) from error
    except sqlite3.DatabaseError as error:
        raise InvalidInput(f"cannot use {path} ({error}): move it away, or use --home DIR") from error
    except OSError as error:
        raise InvalidInput(
            f"cannot open {path} ({error.strerror}): check its owner and permissions, or use --home DIR"
        ) from error


def _open(path: Path, shared: str | None) -> sqlite3.Connection:
    """Connect to the database, check it and migrate it. `shared` is the network file system that it is on, if it is."""
    db = _connect(path)
    try:
        if shared:
            _check_shared(db, path, shared)
        else:
            _check(db, path)
        if _version(db) < VERSION:
            _migrate(db, shared)
        elif not shared:
            _return_to_wal(db)
        # In WAL mode only FULL makes a commit durable, with a rollback journal only EXTRA: acknowledged jobs and results
        # survive a power cut.
        db.execute(f"PRAGMA synchronous = {'EXTRA' if shared else 'FULL'}")
        db.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        # Whatever it has locked is free at once, not when it is collected.
        db.close()
        raise
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run the block in a transaction that takes all locks at once, so that neither a write nor the commit waits for one.

    With a write-ahead log, readers go on meanwhile. Raises StoreLocked, before the block runs.
    """
    try:
        db.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if is_locked(error):
            raise store_locked(_path_of(db)) from error
        raise
    try:
        yield db
        db.commit()
    except BaseException:
        db.rollback()
        raise


def _path_of(db: sqlite3.Connection) -> Path:
    # A pragma rather than a query, which would need a lock itself.
    return next(Path(row[2]) for row in db.execute("PRAGMA database_list") if row[1] == "main")


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    return db


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def is_newer(db: sqlite3.Connection) -> bool:
    """Return whether a newer ttsdash has migrated the database to a format that this one does not know."""
    return _version(db) > VERSION


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a database of another program or of a newer ttsdash, without writing a byte. Raises InvalidInput."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    empty = not db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    if application != APPLICATION_ID and not empty:
        raise InvalidInput(f"{path} is a database of another program: use --home DIR")
    if application != APPLICATION_ID and path.stat().st_size and (loss := find_loss(Workspace(path.parent))):
        raise loss.error(path)
    if is_newer(db):
        raise InvalidInput(
            f"{path} was written by a newer ttsdash (format {_version(db)}, known here: {VERSION}): update ttsdash"
        )


def _check_shared(db: sqlite3.Connection, path: Path, kind: str) -> None:
    """Check a database on a network file system, and switch it to a rollback journal.

    The write-ahead log needs memory that all its users share, which machines do not. This connection therefore enters it, if
    an earlier version has left one, with exclusive access only. Raises InvalidInput.
    """
    left = path.with_name(f"{path.name}-wal").exists()
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute(f"PRAGMA busy_timeout = {(_LEAVE_WAL_S if left else BUSY_TIMEOUT_S) * 1000:.0f}")
        _check(db, path)
        if db.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            db.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        if left and is_locked(error):
            raise InvalidInput(
                f"{path} is in use in a mode that loses data on a network file system ({kind}): run "
                "`ttsdash worker stop --now`, close whatever else uses it on any machine, then try again"
            ) from error
        raise
    db.execute("PRAGMA locking_mode = NORMAL")
    db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")
    # The exclusive access ends with the first read.
    _version(db)


def _return_to_wal(db: sqlite3.Connection) -> None:
    """Switch a database that was on a network file system back to write-ahead logging, unless it is in use."""
    if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        with suppress(sqlite3.OperationalError):
            db.execute("PRAGMA journal_mode = WAL")


def _migrate(db: sqlite3.Connection, shared: str | None) -> None:
    import sqlite_utils

    # Before switching to WAL, so that the id is in the file itself, by which a workspace is recognized.
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    if not shared:
        _enable_wal(db)
    # Of two simultaneous first starts the second waits here, then finds nothing left to apply.
    with transaction(db):
        db.row_factory = None
        migrations().apply(sqlite_utils.Database(db))
        db.row_factory = sqlite3.Row
        db.execute(f"PRAGMA user_version = {VERSION}")


def _enable_wal(db: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging. Unlike for a transaction, SQLite does not wait for another writer here."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
            continue
        # When SQLite cannot switch, for example on a full disk, it does not raise but returns the current mode.
        if mode != "wal":
            raise sqlite3.OperationalError("cannot create its write-ahead log")
        return
