"""Voices and their variants in the store."""

import json
import sqlite3
from contextlib import suppress
from pathlib import Path

from core.clock import now
from core.errors import InvalidInput, NotFound
from core.records.voices import ORIGINAL, Variant, Voice
from core.store.database import transaction
from core.users import expand_home
from core.voices.file import VoiceFile, default_key


def add_voice(db: sqlite3.Connection, file: VoiceFile) -> Voice:
    """Register a voice, or return the one with the same content, whose path is updated if the file was moved.

    Raises InvalidInput for a variant, and for a second file of the same model with another configuration.
    """
    with transaction(db):
        _refuse_variant(db, str(file.path))
        row = db.execute("SELECT key, path, config FROM voices WHERE id = ?", (file.sha256,)).fetchone()
        if row and row["path"] != str(file.path) and Path(row["path"]).is_file():
            if json.loads(row["config"]) != file.config:
                raise InvalidInput(
                    f"{file.path} is the same model as {row['key']} ({row['path']}), but has another .onnx.json: "
                    "use one configuration for both"
                )
            return get_voice(db, row["key"])
        key = row["key"] if row else _free_key(db, file)
        db.execute(
            """INSERT INTO voices VALUES (:id, :key, :path, :size, :rate, :speakers, :language, :config, :anatomy, :now)
               ON CONFLICT (id) DO UPDATE SET path = :path, config = :config, sample_rate = :rate,
                   speakers = :speakers, language = :language, anatomy = :anatomy""",
            {
                "id": file.sha256,
                "key": key,
                "path": str(file.path),
                "size": file.size_bytes,
                "rate": file.sample_rate,
                "speakers": file.speakers,
                "language": file.language,
                "config": json.dumps(file.config),
                "anatomy": json.dumps(file.anatomy),
                "now": now(),
            },
        )
        db.execute(
            """INSERT INTO variants (voice_id, name, sha256, path, size_bytes, params, tools, created_at)
               VALUES (:id, :name, :id, :path, :size, '{}', '{}', :now)
               ON CONFLICT (voice_id, name, sha256) DO UPDATE SET path = :path""",
            {"id": file.sha256, "name": ORIGINAL, "path": str(file.path), "size": file.size_bytes, "now": now()},
        )
    return get_voice(db, key)


def is_registered(db: sqlite3.Connection, file: VoiceFile) -> bool:
    """Return whether a voice with the same model and configuration is registered."""
    row = db.execute("SELECT config FROM voices WHERE id = ?", (file.sha256,)).fetchone()
    return row is not None and json.loads(row["config"]) == file.config


def _refuse_variant(db: sqlite3.Connection, path: str) -> None:
    made = db.execute(
        _VARIANTS + " AND recipe IS NOT NULL AND (variants.path = ? OR instr(?, variants.path || '/') = 1)",
        (path, path),
    ).fetchone()
    if made:
        raise InvalidInput(f"{path} is a variant: {made['name']} of {made['voice']}, which is registered already")


def _free_key(db: sqlite3.Connection, file: VoiceFile) -> str:
    key = default_key(file.path)
    taken = db.execute("SELECT 1 FROM voices WHERE key = ?", (key,)).fetchone()
    return f"{key}-{file.sha256[:8]}" if taken else key


def list_voices(db: sqlite3.Connection) -> list[Voice]:
    """Return all voices with their variants, ordered by name."""
    variants: dict[str, list[Variant]] = {}
    for row in db.execute(_VARIANTS + " ORDER BY variants.name <> 'original', variants.created_at"):
        variants.setdefault(row["voice_id"], []).append(_variant(row))
    rows = db.execute("SELECT * FROM voices ORDER BY key").fetchall()
    return [_voice(row, variants.get(row["id"], [])) for row in rows]


def get_voice(db: sqlite3.Connection, key: str) -> Voice:
    """Return the voice with that name or path. Raises NotFound."""
    row = db.execute("SELECT * FROM voices WHERE key = ?", (key,)).fetchone()
    if row is None:
        with suppress(InvalidInput, OSError):  # an unknown home folder; a removed working directory
            path = str(expand_home(Path(key)).absolute())
            row = db.execute("SELECT * FROM voices WHERE path = ? ORDER BY added_at DESC", (path,)).fetchone()
    if row is None:
        known = ", ".join(entry["key"] for entry in db.execute("SELECT key FROM voices ORDER BY key LIMIT 10"))
        hint = f"known: {known}" if known else "add one with: ttsdash voices add PATH"
        raise NotFound(f"voice not found: {key!r} ({hint})")
    variants = db.execute(
        _VARIANTS + " AND variants.voice_id = ? ORDER BY variants.name <> 'original', variants.created_at", (row["id"],)
    )
    return _voice(row, [_variant(entry) for entry in variants])


def put_variant(db: sqlite3.Connection, voice_id: str, variant: Variant) -> None:
    """Record a variant that was just renamed to its final path. Call it in the transaction of that rename."""
    db.execute(
        "UPDATE variants SET replaced_at = ? WHERE voice_id = ? AND name = ? AND replaced_at IS NULL",
        (now(), voice_id, variant.name),
    )
    db.execute(
        """INSERT INTO variants VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)
           ON CONFLICT (voice_id, name, sha256) DO UPDATE SET
               replaced_at = NULL, path = excluded.path, tools = excluded.tools, params = excluded.params,
               recipe = excluded.recipe, job_id = excluded.job_id, created_at = excluded.created_at""",
        (
            voice_id,
            variant.name,
            variant.sha256,
            variant.path,
            variant.size_bytes,
            variant.recipe,
            json.dumps(variant.params),
            variant.source_sha256,
            json.dumps(variant.tools),
            variant.job_id,
            variant.created_at,
        ),
    )


_VARIANTS = """SELECT variants.*, voices.key AS voice FROM variants
               JOIN voices ON voices.id = variants.voice_id WHERE variants.replaced_at IS NULL"""


def _variant(row: sqlite3.Row) -> Variant:
    return Variant(
        voice=row["voice"],
        name=row["name"],
        path=row["path"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        recipe=row["recipe"],
        params=json.loads(row["params"]),
        source_sha256=row["source_sha256"],
        tools=json.loads(row["tools"]),
        job_id=row["job_id"],
        created_at=row["created_at"],
    )


def _voice(row: sqlite3.Row, variants: list[Variant]) -> Voice:
    return Voice(
        id=row["id"],
        key=row["key"],
        path=row["path"],
        size_bytes=row["size_bytes"],
        sample_rate=row["sample_rate"],
        speakers=row["speakers"],
        language=row["language"],
        config=json.loads(row["config"]),
        anatomy=json.loads(row["anatomy"]),
        added_at=row["added_at"],
        variants=tuple(variants),
    )
