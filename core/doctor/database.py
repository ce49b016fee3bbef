"""Check that the database is intact and in a format that this version reads."""

import shlex
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from core.doctor.finding import Finding, State
from core.doctor.fixes import on_path
from core.errors import format_error
from core.store.data_file import SMALLEST_DATABASE, find_loss, find_unusable
from core.store.migrations import VERSION
from core.users import closed_folder, why_closed
from core.workspace import APPLICATION_ID, Workspace

_CHECK = "database"
_BUSY_TIMEOUT_S = 5


@dataclass(frozen=True)
class DatabaseFacts:
    """What SQLite reports about a file."""

    application: int
    version: int
    empty: bool
    check: str
    """`ok`, or the first damage that was found."""


def open_read_only(path: Path) -> tuple[Finding, sqlite3.Connection | None]:
    """Check the database; if it is intact, return a read-only connection with the finding."""
    try:
        if path.is_file() and 0 < path.stat().st_size < SMALLEST_DATABASE:
            return _damaged(path, "it is truncated"), None
        unusable = find_unusable(path) or (find_loss(Workspace(path.parent)) if path.stat().st_size == 0 else None)
        if unusable:
            return _problem(f"{path} {unusable.reason}", unusable.fix), None
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        db.row_factory = sqlite3.Row
        finding = _judge(_read_facts(db), path)
    except (sqlite3.OperationalError, OSError) as error:
        closed = closed_folder(path)
        return _problem(why_closed(path) or format_error(error), on_path("ls -ld", closed or path)), None
    except sqlite3.DatabaseError as error:
        return _damaged(path, str(error)), None
    if finding.state is State.OK:
        return finding, db
    db.close()
    return finding, None


def _judge(facts: DatabaseFacts, path: Path) -> Finding:
    loss = find_loss(Workspace(path.parent)) if facts.empty and facts.application != APPLICATION_ID else None
    return _problem(f"{path} {loss.reason}", loss.fix) if loss else judge_database(facts, path)


def judge_database(facts: DatabaseFacts, path: Path) -> Finding:
    """Return the finding for what SQLite reports about the database at a path."""
    if facts.empty:
        return Finding(_CHECK, State.NOTE, "it is empty: the next command initializes it", "ttsdash voices list")
    if facts.application != APPLICATION_ID:
        return _problem(f"{path} belongs to another program", "use --home DIR with another folder")
    if facts.check != "ok":
        return _damaged(path, facts.check)
    if facts.version > VERSION:
        message = f"{path} was written by a newer ttsdash (format {facts.version}; this version reads up to {VERSION})"
        return _problem(message, "update ttsdash")
    if facts.version < VERSION:
        message = f"format {facts.version}: the next command migrates it to {VERSION}"
        return Finding(_CHECK, State.NOTE, message, "ttsdash voices list")
    return Finding(_CHECK, State.OK, f"intact, format {VERSION}")


def _read_facts(db: sqlite3.Connection) -> DatabaseFacts:
    return DatabaseFacts(
        application=db.execute("PRAGMA application_id").fetchone()[0],
        version=db.execute("PRAGMA user_version").fetchone()[0],
        empty=db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None,
        check=db.execute("PRAGMA quick_check(1)").fetchone()[0],
    )


def _problem(message: str, fix: str) -> Finding:
    return Finding(_CHECK, State.PROBLEM, message, fix)


def _damaged(path: Path, damage: str) -> Finding:
    away = shlex.quote(str(path.with_name("damaged")))
    message = f"{path} is damaged ({' '.join(damage.split())}): move it away, then add the voices again"
    return _problem(message, f"ttsdash worker stop --now; mkdir -p {away} && mv {shlex.quote(str(path))}* {away}")
