"""What the history's voices, variants and machines are called: also those that are not in the library any more, or never were."""

import json
import sqlite3

from core.errors import InvalidInput, NotFound
from core.hardware.machine import Machine, this_machine
from core.store.voices import get_voice

_THIS = "this"
_MOST = 10


def distinct(db: sqlite3.Connection, column: str) -> list[str]:
    """The values of a column that an index begins with: a look-up each, however many results there are."""
    rows = db.execute(
        f"""WITH RECURSIVE found(value) AS (
                SELECT min({column}) FROM results
                UNION ALL
                SELECT (SELECT min({column}) FROM results WHERE {column} > value) FROM found WHERE value IS NOT NULL)
            SELECT value FROM found WHERE value IS NOT NULL"""
    )
    return [row["value"] for row in rows]


def voice_names(db: sqlite3.Connection) -> dict[str, str]:
    """By id. A voice that is not in the library goes by what it was called in its newest benchmark."""
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
    """The id of the voice of that name or path in the library, else of that name in the history. Raises NotFound."""
    try:
        return get_voice(db, name).id
    except NotFound:
        names = voice_names(db)
    for voice_id, known in names.items():
        if known == name:
            return voice_id
    library = (row["key"] for row in db.execute("SELECT key FROM voices"))
    there_is = sorted({*names.values(), *library})
    raise NotFound(
        f"no voice {name!r}; " + (_there_is(there_is) if there_is else "add one with: ttsdash voices add PATH")
    )


def variants_of(db: sqlite3.Connection, voice_id: str) -> list[str]:
    """The variants of a voice that have results, the original first."""
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
    """This one for `this`; else those whose id begins with the text, or whose CPU's name has it as a part."""
    if text == _THIS:
        return [this_machine()]
    rows = db.execute("SELECT id, facts FROM machines ORDER BY id").fetchall()
    machines = [Machine(row["id"], json.loads(row["facts"])) for row in rows]
    part = text.casefold()
    return [machine for machine in machines if machine.id.startswith(part) or part in machine.facts["cpu"].casefold()]


def find_machine(db: sqlite3.Connection, text: str) -> Machine:
    """The one machine that is like that. Raises NotFound, or BadInput when there are several."""
    found = machines_like(db, text)
    if len(found) == 1:
        return found[0]
    known = [f"{machine.id} ({machine.facts['cpu']})" for machine in found or machines_like(db, "")]
    if found:
        raise InvalidInput(f"several machines are like {text!r}: {', '.join(known[:_MOST])}; give more of an id")
    raise NotFound(f"no machine in the history is like {text!r}; {_there_is([_THIS, *known])}")


def _there_is(names: list[str]) -> str:
    return f"there is: {', '.join(names[:_MOST])}"
