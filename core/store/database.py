"""Opens `data.db`: pragmas, migrations, transactions.

Reads and state changes are plain SQL on `sqlite3`. sqlite-utils brings the schema up to date, and is imported only when
there is something to bring: importing it costs 0.15 s and NumPy, which every start of the dashboard would pay.
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
# SQLite takes a file that is shorter than its header for an empty one, and would write over it.
_SMALLEST_DATABASE = 512


def open_store(workspace: Workspace) -> sqlite3.Connection:
    """A connection to the workspace's data base, made and brought up to date where needed.

    Raises BadInput when the file is no data base of ttsdash, or one of a newer version; it stays untouched then.
    """
    workspace.prepare()
    path = workspace.data_db
    try:
        create_private(path)
        if not path.is_file() or 0 < path.stat().st_size < _SMALLEST_DATABASE:
            raise InvalidInput(f"{path} is no data base: move it away, or use --home DIR")
        db = _connect(path)
        _check(db, path)
        if _version(db) < VERSION:
            _migrate(db)
        # WAL loses nothing at a power cut only with FULL: jobs and results, once acknowledged, stay.
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
    except sqlite3.OperationalError as error:
        # The file may be perfectly well: a full disk, a folder without write permission, a lock that is never left.
        raise TtsdashError(
            f"cannot open {path} ({error}): see to free disk space and permissions, then try again"
        ) from error
    except sqlite3.DatabaseError as error:
        raise InvalidInput(f"cannot use {path} ({error}): move it away, or use --home DIR") from error
    except OSError as error:
        raise InvalidInput(f"cannot open {path} ({error.strerror}): make it yours, or use --home DIR") from error
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing, and nobody else writes meanwhile: a deferred BEGIN would fail at its first write instead."""
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
    """Whether a newer ttsdash has brought the store to a format that this one does not know."""
    return _version(db) > VERSION


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Refuse, without writing a byte, what is not ours or is ahead of us."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    empty = not db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    if application != APPLICATION_ID and not empty:
        raise InvalidInput(f"{path} is a data base of another program: use --home DIR")
    if is_newer(db):
        raise InvalidInput(
            f"{path} was written by a newer ttsdash (format {_version(db)}, known here: {VERSION}): update ttsdash"
        )


def _migrate(db: sqlite3.Connection) -> None:
    import sqlite_utils

    # Before WAL, so that it stands in the file itself, where a workspace is recognised by it.
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    _keep_write_ahead_log(db)
    # Two first starts at once: the second one waits here, then finds nothing left to apply.
    with transaction(db):
        db.row_factory = None
        migrations().apply(sqlite_utils.Database(db))
        db.row_factory = sqlite3.Row
        db.execute(f"PRAGMA user_version = {VERSION}")


def _keep_write_ahead_log(db: sqlite3.Connection) -> None:
    """Have the file keep one. SQLite does not wait here while another process writes, as it does for a transaction."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
            continue
        # Where it cannot, on a full disk, say, it does not raise: it answers with the mode that the file is in.
        if mode != "wal":
            raise sqlite3.OperationalError("its write-ahead log cannot be made")
        return
