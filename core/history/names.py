"""Names of voices, variants and machines in the history, including voices that are not in the library."""

import json
import sqlite3
from collections import Counter

from core.errors import InvalidInput, NotFound
from core.hardware.machine import Machine, this_machine
from core.records.voices import ORIGINAL
from core.store.sources import earlier_sources, name_of_source
from core.store.voices import get_voice, list_voices
from core.text import match_name

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
    """Return the checksum of each source -> the name of its voice.

    A voice that is not in the library has its name from its newest benchmark.
    """
    return {voice_id: _voice_name(db, voice_id) for voice_id in distinct(db, "voice_id")}


def _voice_name(db: sqlite3.Connection, voice_id: str) -> str:
    row = db.execute(
        f"""SELECT coalesce(
               {name_of_source(":id")},
               (SELECT voice_key FROM benchmarks WHERE voice_id = :id ORDER BY created_at DESC LIMIT 1)) AS name""",
        {"id": voice_id},
    ).fetchone()
    return str(row["name"])


def find_voice(db: sqlite3.Connection, name: str) -> str:
    """Return the checksum of the source of the voice with this name or path, or with this name in the history.

    Of names that differ in case alone, the same one comes first. Raises NotFound.
    """
    try:
        voice = get_voice(db, name)
    except NotFound:
        voice = None
    if voice and voice.key == name:
        return voice.source_sha256
    names = voice_names(db)
    past = match_name(name, names.values())
    if voice and past != name:
        return voice.source_sha256
    for voice_id, known in names.items():
        if known == past:
            return voice_id
    library = (row["key"] for row in db.execute("SELECT key FROM voices"))
    known_names = sorted({*names.values(), *library})
    fix = _known(known_names) if known_names else "add one with: ttsdash voices add PATH"
    raise NotFound(f"voice not found: {name!r} ({fix})")


def distinct_names(db: sqlite3.Connection) -> dict[str, str]:
    """Return the same with names that differ: earlier files of a voice, and other voices of its name, have the checksum."""
    names = voice_names(db)
    current = {voice.source_sha256 for voice in list_voices(db)}
    times = Counter(names.values())
    return {
        source: name if times[name] == 1 or source in current else f"{name} (file {source[:8]})"
        for source, name in names.items()
    }


def of_voice(db: sqlite3.Connection, source: str | None, column: str) -> tuple[str, tuple[str, ...]]:
    """Return the SQL condition, with its values, for results of the voice with this source; none for all voices."""
    if source is None:
        return "", ()
    sources = tuple(all_sources(db, source))
    return f"WHERE {column} IN ({', '.join('?' * len(sources))})", sources


def all_sources(db: sqlite3.Connection, source: str) -> list[str]:
    """Return this checksum and those of the earlier files of its voice, by which its older results are found."""
    own = db.execute(
        "SELECT voice_id FROM variants WHERE name = ? AND sha256 = ? AND replaced_at IS NULL", (ORIGINAL, source)
    ).fetchall()
    return [source, *sorted({one for row in own for one in earlier_sources(db, row["voice_id"])} - {source})]


def folder_of(db: sqlite3.Connection, source: str, name: str) -> str:
    """Return the folder of the voice that has or had this source; a voice that is not in the library has its name's."""
    row = db.execute(
        """SELECT voices.folder FROM variants JOIN voices ON voices.id = variants.voice_id
           WHERE variants.name = ? AND variants.sha256 = ? ORDER BY variants.replaced_at IS NOT NULL, voices.key""",
        (ORIGINAL, source),
    ).fetchone()
    return str(row["folder"]) if row else name


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
