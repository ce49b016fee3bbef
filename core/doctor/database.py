"""Whether the data base is whole, and one that this version reads."""

import shlex
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from core.doctor.finding import Finding, State
from core.doctor.fixes import on_path
from core.errors import format_error
from core.store.migrations import VERSION
from core.workspace import APPLICATION_ID

# SQLite takes a file that is shorter for an empty one.
_SHORTEST = 512
_BUSY_S = 5


@dataclass(frozen=True)
class Answers:
    """What SQLite says of a file."""

    application: int
    version: int
    empty: bool
    check: str
    """`ok`, or the first damage."""


def open_to_read(path: Path) -> tuple[Finding, sqlite3.Connection | None]:
    """How the data base is; where it is well, with a connection to it that cannot write."""
    try:
        if not path.is_file():
            return _problem(f"{path} is no file", "use --home DIR with another folder"), None
        if 0 < path.stat().st_size < _SHORTEST:
            return _damaged(path, "it is cut short"), None
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        db.row_factory = sqlite3.Row
        finding = judge_data_base(_ask(db), path)
    except (sqlite3.OperationalError, OSError) as error:
        return _problem(format_error(error), on_path("ls -l", path)), None
    except sqlite3.DatabaseError as error:
        return _damaged(path, str(error)), None
    if finding.state != State.OK:
        db.close()
    return finding, db if finding.state == State.OK else None


def judge_data_base(answers: Answers, path: Path) -> Finding:
    if answers.empty:
        return Finding("data base", State.NOTE, "it is empty: the next command sets it up", "ttsdash voices list")
    if answers.application != APPLICATION_ID:
        return _problem(f"{path} is one of another program", "use --home DIR with another folder")
    if answers.check != "ok":
        return _damaged(path, answers.check)
    if answers.version > VERSION:
        says = f"{path} was written by a newer ttsdash (format {answers.version}, known here: {VERSION})"
        return _problem(says, "update ttsdash")
    if answers.version < VERSION:
        says = f"of format {answers.version}: the next command brings it to {VERSION}"
        return Finding("data base", State.NOTE, says, "ttsdash voices list")
    return Finding("data base", State.OK, f"whole, format {VERSION}")


def _ask(db: sqlite3.Connection) -> Answers:
    return Answers(
        application=db.execute("PRAGMA application_id").fetchone()[0],
        version=db.execute("PRAGMA user_version").fetchone()[0],
        empty=db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None,
        check=db.execute("PRAGMA quick_check(1)").fetchone()[0],
    )


def _problem(says: str, mend: str) -> Finding:
    return Finding("data base", State.PROBLEM, says, mend)


def _damaged(path: Path, how: str) -> Finding:
    away = shlex.quote(str(path.with_name("damaged")))
    says = f"{path} is damaged ({' '.join(how.split())}): move it away, then add the voices again"
    return _problem(says, f"ttsdash worker stop --now; mkdir -p {away} && mv {shlex.quote(str(path))}* {away}")
