"""The checksums of the sources of voices, by which results refer to them: those of now and earlier ones.

A result need not belong to a voice here: it may have been imported, or its voice removed.
"""

import sqlite3

from core.records.voices import ORIGINAL


def name_of_source(column: str) -> str:
    """Return SQL for the name of the voice whose source has the checksum in a column, or had it; NULL if none."""
    found = f"""SELECT min(voices.key) FROM variants JOIN voices ON voices.id = variants.voice_id
                WHERE variants.name = '{ORIGINAL}' AND variants.sha256 = {column}"""
    return f"coalesce(({found} AND variants.replaced_at IS NULL), ({found}))"


def earlier_sources(db: sqlite3.Connection, voice_id: str | None = None) -> set[str]:
    """Return the checksums that sources of a voice, or of all voices, had before, but no voice has now."""
    rows = db.execute(
        """SELECT sha256 FROM variants WHERE name = :original AND replaced_at IS NOT NULL
               AND (:voice IS NULL OR voice_id = :voice)
           EXCEPT SELECT sha256 FROM variants WHERE name = :original AND replaced_at IS NULL""",
        {"original": ORIGINAL, "voice": voice_id},
    )
    return {row["sha256"] for row in rows}


def own_sources(db: sqlite3.Connection, voice_id: str) -> list[str]:
    """Return the checksums that only this voice's sources have or had."""
    rows = db.execute(
        """SELECT sha256 FROM variants WHERE name = :original AND voice_id = :voice
           EXCEPT SELECT sha256 FROM variants WHERE name = :original AND voice_id <> :voice""",
        {"original": ORIGINAL, "voice": voice_id},
    )
    return [row["sha256"] for row in rows]
