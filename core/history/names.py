"""Names of voices, variants and machines in the history, including voices that are not in the library."""

import json
import sqlite3

from core.errors import InvalidInput, NotFound
from core.hardware.machine import Machine, this_machine
from core.store.voices import get_voice

_THIS = "this"
_MAX_NAMES = 10


def distinct(db: sqlite3.Connection, column: str) -> list[str]:
    """Return the distinct values of a column that is the first of an index, with one index lookup per value."""
    rows = db.execute(
        f"""WITH RECURSIVE found(value) AS (
                SELECT min({column}) FROM results
                UNION ALL
                SELECT (SELECT min({column}) FROM results WHERE {column} > value) FROM found WHERE value IS NOT NULL)
            SELECT value FROM found WHERE value IS NOT NULL"""
    )
    return [row["value"] for row in rows]


def voice_names(db: sqlite3.Connection) -> dict[str, str]:
    """Return voice id -> name. A voice that is not in the library has its name from its newest benchmark."""
    return {voice_id: _voice_name(db, voice_id) for voice_id in distinct(db, "voice_id")}


def _voice_name(db: sqlite3.Connection, voice_id: str) -> str:
    row = db.execute(
        """SELECT coalesce(
               (SELECT key FROM voices WHERE id = :id),
               (SELECT voice_key FROM benchmarks WHERE voice_id = :id ORDER BY created_at DESC LIMIT 1)) AS name""",
        {"id": voice_id},
    ).fetchone()
    return str(row["name"])


def find_voice(db: sqlite3.Connection, name: str) -> str:
    """Return the id of the voice with this name or path in the library, or with this name in the history. Raises NotFound."""
    try:
        return get_voice(db, name).id
    except NotFound:
        names = voice_names(db)
    for voice_id, known in names.items():
        if known == name:
            return voice_id
    library = (row["key"] for row in db.execute("SELECT key FROM voices"))
    known_names = sorted({*names.values(), *library})
    fix = _known(known_names) if known_names else "add one with: ttsdash voices add PATH"
    raise NotFound(f"voice not found: {name!r} ({fix})")


def variants_of(db: sqlite3.Connection, voice_id: str) -> list[str]:
    """Return the variants of a voice that have results, the original first."""
    rows = db.execute(
        """WITH RECURSIVE found(name) AS (
               SELECT min(variant) FROM results WHERE voice_id = :voice
               UNION ALL
               SELECT (SELECT min(variant) FROM results WHERE voice_id = :voice AND variant > name)
               FROM found WHERE name IS NOT NULL)
           SELECT name FROM found WHERE name IS NOT NULL ORDER BY name <> 'original', name""",
        {"voice": voice_id},
    )
    return [row["name"] for row in rows]


def machines_like(db: sqlite3.Connection, text: str) -> list[Machine]:
    """Return this machine for `this`, otherwise those whose id starts with the text or whose CPU name contains it."""
    if text == _THIS:
        return [this_machine()]
    rows = db.execute("SELECT id, facts FROM machines ORDER BY id").fetchall()
    machines = [Machine(row["id"], json.loads(row["facts"])) for row in rows]
    part = text.casefold()
    return [machine for machine in machines if machine.id.startswith(part) or part in machine.facts["cpu"].casefold()]


def find_machine(db: sqlite3.Connection, text: str) -> Machine:
    """Return the only machine that matches. Raises NotFound, or InvalidInput if several do."""
    found = machines_like(db, text)
    if len(found) == 1:
        return found[0]
    known = [f"{machine.id} ({machine.facts['cpu']})" for machine in found or machines_like(db, "")]
    if found:
        raise InvalidInput(f"several machines match {text!r}: {', '.join(known[:_MAX_NAMES])} (give more of the id)")
    raise NotFound(f"machine not found in the history: {text!r} ({_known([_THIS, *known])})")


def _known(names: list[str]) -> str:
    return f"known: {', '.join(names[:_MAX_NAMES])}"
