"""Opens `data.db`: pragmas, migrations, transactions.

Reads and state changes are plain SQL on `sqlite3`. sqlite-utils runs the migrations and is imported only when one is due:
importing it takes 0.15 s and loads NumPy, which every start of the dashboard would pay for.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import InvalidInput, TtsdashError
from core.files import create_private
from core.store.migrations import VERSION, migrations
from core.workspace import APPLICATION_ID, Workspace

BUSY_TIMEOUT_S = 30
# SQLite treats a file shorter than its header as empty and would overwrite it.
_SMALLEST_DATABASE = 512


def open_store(workspace: Workspace) -> sqlite3.Connection:
    """Connect to the workspace's database, creating or migrating it if needed.

    Raises InvalidInput for a file that is not a ttsdash database or was written by a newer version; it stays untouched.
    """
    workspace.prepare()
    path = workspace.data_db
    try:
        create_private(path)
        if not path.is_file() or 0 < path.stat().st_size < _SMALLEST_DATABASE:
            raise InvalidInput(f"{path} is not a database: move it away, or use --home DIR")
        db = _connect(path)
        _check(db, path)
        if _version(db) < VERSION:
            _migrate(db)
        # In WAL mode only FULL makes a commit durable: acknowledged jobs and results survive a power cut.
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
    except sqlite3.OperationalError as error:
        # The file itself may be fine: a full disk, a read-only folder, a lock that is never released.
        raise TtsdashError(
            f"cannot open {path} ({error}): check free disk space and permissions, then try again"
        ) from error
    except sqlite3.DatabaseError as error:
        raise InvalidInput(f"cannot use {path} ({error}): move it away, or use --home DIR") from error
    except OSError as error:
        raise InvalidInput(
            f"cannot open {path} ({error.strerror}): check its owner and permissions, or use --home DIR"
        ) from error
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run the block in a transaction that takes the write lock at once; a deferred BEGIN could fail at its first write."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
    except BaseException:
        db.rollback()
        raise
    db.commit()


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
    if is_newer(db):
        raise InvalidInput(
            f"{path} was written by a newer ttsdash (format {_version(db)}, known here: {VERSION}): update ttsdash"
        )


def _migrate(db: sqlite3.Connection) -> None:
    import sqlite_utils

    # Before switching to WAL, so that the id is in the file itself, by which a workspace is recognized.
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
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
