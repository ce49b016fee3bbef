"""Voices and their variants in the store."""

import json
import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.clock import now
from core.errors import InvalidInput, NotFound
from core.files import sha256_of
from core.records.voices import ORIGINAL, Outdated, Variant, Voice
from core.store.database import transaction
from core.text import fold_case, free_name, match_name
from core.users import expand_home
from core.voices.file import VoiceFile, config_path_of, config_sha256, default_key


class Change(StrEnum):
    """What adding a voice changed. The values are part of the JSON output."""

    ADDED = "added"
    UNCHANGED = "unchanged"
    REPLACED = "replaced"
    """The file has another content now."""
    RECONFIGURED = "reconfigured"
    """The configuration has another content now."""
    MOVED = "moved"
    COPY = "copy"
    """Nothing: a voice with the same content exists at another path."""


@dataclass(frozen=True)
class Registration:
    """A voice that was added, and what that changed."""

    voice: Voice
    change: Change


def register_voice(db: sqlite3.Connection, file: VoiceFile) -> Registration:
    """Register a voice. If its path is known, the file replaces the source of that voice, whose variants remain.

    A file with the content of a voice is that voice: it was moved if its old path is gone, otherwise this one is a copy.
    Raises InvalidInput for a variant, and for a copy with another configuration.
    """
    with transaction(db):
        _refuse_variant(db, str(file.path))
        known, change = _find_known(db, file)
        if change is Change.COPY and known:
            _refuse_other_config(known, file)
        elif known:
            _update(db, known, file, change)
        else:
            known_id = _insert(db, file)
        voice = voice_of_id(db, known["id"] if known else known_id)
    return Registration(voice, change)


def _find_known(db: sqlite3.Connection, file: VoiceFile) -> tuple[sqlite3.Row | None, Change]:
    """Return the voice that a file belongs to, and what registering the file changes."""
    rows = db.execute(
        """SELECT voices.*, variants.sha256 AS source_sha256 FROM voices
           JOIN variants ON variants.voice_id = voices.id AND variants.name = ? AND variants.replaced_at IS NULL
           ORDER BY voices.added_at DESC""",
        (ORIGINAL,),
    ).fetchall()
    at_path = [row for row in rows if row["path"] == str(file.path)]
    at_path = at_path or [row for row in rows if _are_same_files(Path(row["path"]), file.path)]
    if at_path:
        # Older versions could register a path once for each content.
        row = next((row for row in at_path if row["source_sha256"] == file.sha256), at_path[0])
        if row["source_sha256"] != file.sha256:
            return row, Change.REPLACED
        return row, Change.UNCHANGED if json.loads(row["config"]) == file.config else Change.RECONFIGURED
    same = [row for row in rows if row["source_sha256"] == file.sha256]
    for row in same:
        if not Path(row["path"]).exists():
            return row, Change.MOVED
    for row in same:
        # Where the file has changed since, this is no copy of it but what it was before.
        if _has_content(Path(row["path"]), file.sha256):
            return row, Change.COPY
    return None, Change.ADDED


def _are_same_files(path: Path, other: Path) -> bool:
    """Return whether two paths lead to the same model with the same configuration, by links or by ignored case."""
    try:
        return path.samefile(other) and config_path_of(path).samefile(config_path_of(other))
    except OSError:
        return False


def _has_content(path: Path, sha256: str) -> bool:
    try:
        return sha256_of(path) == sha256
    except OSError:
        return False


def _refuse_other_config(known: sqlite3.Row, file: VoiceFile) -> None:
    if json.loads(known["config"]) != file.config:
        raise InvalidInput(
            f"{file.path} is the same model as {known['key']} ({known['path']}), but has another .onnx.json: "
            "use one configuration for both"
        )


def is_registered(db: sqlite3.Connection, file: VoiceFile) -> bool:
    """Return whether a voice with the same model and configuration is registered, at this path or as a copy."""
    known, change = _find_known(db, file)
    return (
        known is not None and change in (Change.UNCHANGED, Change.COPY) and json.loads(known["config"]) == file.config
    )


def _refuse_variant(db: sqlite3.Connection, path: str) -> None:
    made = db.execute(
        _VARIANTS + " AND recipe IS NOT NULL AND (variants.path = ? OR instr(?, variants.path || '/') = 1)",
        (path, path),
    ).fetchone()
    if made:
        raise InvalidInput(f"{path} is a variant: {made['name']} of {made['voice']}, which is registered already")


def _insert(db: sqlite3.Connection, file: VoiceFile) -> str:
    """Insert a voice and return its id."""
    rows = db.execute("SELECT key, folder FROM voices").fetchall()
    keys, folders = ({fold_case(row[name]) for row in rows} for name in ("key", "folder"))
    key = free_name(default_key(file.path), file.sha256[:8], keys)
    # A voice that was renamed keeps its folder.
    folder = free_name(key, file.sha256[:8], folders)
    is_id_taken = db.execute("SELECT 1 FROM voices WHERE id = ?", (file.sha256,)).fetchone()
    voice_id = str(uuid.uuid4()) if is_id_taken else file.sha256
    values = _columns(file) | {"id": voice_id, "key": key, "folder": folder, "added_at": now()}
    db.execute(
        f"INSERT INTO voices ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})",
        values,
    )
    _put_original(db, voice_id, file.path, file)
    return voice_id


def _update(db: sqlite3.Connection, known: sqlite3.Row, file: VoiceFile, change: Change) -> None:
    # A link to the voice's file does not move the voice.
    path = file.path if change is Change.MOVED else Path(known["path"])
    values = _columns(file) | {"path": str(path)}
    if json.loads(known["config"]) == file.config:
        # Equal content in another order would seem to have changed.
        values["config"] = known["config"]
    assignments = ", ".join(f"{name} = :{name}" for name in values)
    db.execute(f"UPDATE voices SET {assignments} WHERE id = :id", values | {"id": known["id"]})
    _put_original(db, known["id"], path, file)


def _columns(file: VoiceFile) -> dict[str, Any]:
    return {
        "path": str(file.path),
        "size_bytes": file.size_bytes,
        "sample_rate": file.sample_rate,
        "speakers": file.speakers,
        "language": file.language,
        "config": json.dumps(file.config),
        "anatomy": json.dumps(file.anatomy),
    }


def _put_original(db: sqlite3.Connection, voice_id: str, path: Path, file: VoiceFile) -> None:
    """Make a file the source of a voice. Earlier ones are kept with their checksums, by which results refer to them."""
    db.execute(
        "UPDATE variants SET replaced_at = ? WHERE voice_id = ? AND name = ? AND sha256 <> ? AND replaced_at IS NULL",
        (now(), voice_id, ORIGINAL, file.sha256),
    )
    db.execute(
        """INSERT INTO variants (voice_id, name, sha256, path, size_bytes, params, tools, created_at)
           VALUES (?, ?, ?, ?, ?, '{}', '{}', ?)
           ON CONFLICT (voice_id, name, sha256) DO UPDATE SET path = excluded.path, replaced_at = NULL,
               created_at = CASE WHEN replaced_at IS NULL THEN created_at ELSE excluded.created_at END""",
        (voice_id, ORIGINAL, file.sha256, str(path), file.size_bytes, now()),
    )


def list_voices(db: sqlite3.Connection) -> list[Voice]:
    """Return all voices with their variants, ordered by name."""
    variants: dict[str, list[sqlite3.Row]] = {}
    for row in db.execute(_VARIANTS + _IN_ORDER):
        variants.setdefault(row["voice_id"], []).append(row)
    rows = db.execute("SELECT * FROM voices ORDER BY key").fetchall()
    return [_voice(row, variants.get(row["id"], [])) for row in rows]


def get_voice(db: sqlite3.Connection, key: str) -> Voice:
    """Return the voice with that name, as `voice_named` finds it, or with that path. Raises NotFound."""
    voice = voice_named(db, key) or _voice_at(db, key)
    if voice is None:
        known = ", ".join(entry["key"] for entry in db.execute("SELECT key FROM voices ORDER BY key LIMIT 10"))
        hint = f"known: {known}" if known else "add one with: ttsdash voices add PATH"
        raise NotFound(f"voice not found: {key!r} ({hint})")
    return voice


def voice_named(db: sqlite3.Connection, name: str) -> Voice | None:
    """Return the voice with exactly that name, else the only one whose name differs in case alone."""
    row = db.execute("SELECT id FROM voices WHERE key = ?", (name,)).fetchone()
    if row:
        return voice_of_id(db, row["id"])
    ids = {row["key"]: row["id"] for row in db.execute("SELECT id, key FROM voices")}
    found = match_name(name, ids)
    return None if found is None else voice_of_id(db, ids[found])


def _voice_at(db: sqlite3.Connection, path: str) -> Voice | None:
    with suppress(InvalidInput, OSError):  # an unknown home folder; a removed working directory
        place = str(expand_home(Path(path)).absolute())
        row = db.execute("SELECT id FROM voices WHERE path = ? ORDER BY added_at DESC", (place,)).fetchone()
        return voice_of_id(db, row["id"]) if row else None
    return None


def voice_of_id(db: sqlite3.Connection, voice_id: str) -> Voice:
    """Return the voice with that id, whatever its name is by now. Raises NotFound."""
    row = db.execute("SELECT * FROM voices WHERE id = ?", (voice_id,)).fetchone()
    if row is None:
        raise NotFound("the voice has been removed (list voices with: ttsdash voices list)")
    return _voice(row, db.execute(_VARIANTS + " AND variants.voice_id = ?" + _IN_ORDER, (voice_id,)).fetchall())


def delete_voice(db: sqlite3.Connection, voice_id: str) -> None:
    """Delete a voice, its variants, selections and preferences; it must have no jobs. Call it in a transaction."""
    for table in ("selections", "selection_wishes", "variants"):
        db.execute(f"DELETE FROM {table} WHERE voice_id = ?", (voice_id,))
    db.execute("DELETE FROM voices WHERE id = ?", (voice_id,))


def put_variant(db: sqlite3.Connection, voice_id: str, variant: Variant) -> None:
    """Record a variant that was just renamed to its final path. Call it in the transaction of that rename."""
    db.execute(
        "UPDATE variants SET replaced_at = ? WHERE voice_id = ? AND name = ? AND replaced_at IS NULL",
        (now(), voice_id, variant.name),
    )
    db.execute(
        """INSERT INTO variants VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)
           ON CONFLICT (voice_id, name, sha256) DO UPDATE SET
               replaced_at = NULL, path = excluded.path, tools = excluded.tools, params = excluded.params,
               recipe = excluded.recipe, job_id = excluded.job_id, created_at = excluded.created_at,
               source_sha256 = excluded.source_sha256, config_sha256 = excluded.config_sha256""",
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
            variant.config_sha256,
        ),
    )


_VARIANTS = """SELECT variants.*, voices.key AS voice FROM variants
               JOIN voices ON voices.id = variants.voice_id WHERE variants.replaced_at IS NULL"""
_IN_ORDER = f" ORDER BY variants.name <> '{ORIGINAL}', variants.created_at"


def _variant(row: sqlite3.Row, outdated: Outdated | None) -> Variant:
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
        config_sha256=row["config_sha256"],
        outdated=outdated,
    )


def _voice(row: sqlite3.Row, variants: Sequence[sqlite3.Row]) -> Voice:
    config = json.loads(row["config"])
    source = next((variant["sha256"] for variant in variants if variant["name"] == ORIGINAL), None)
    checksum = config_sha256(config)
    return Voice(
        id=row["id"],
        key=row["key"],
        path=row["path"],
        size_bytes=row["size_bytes"],
        sample_rate=row["sample_rate"],
        speakers=row["speakers"],
        language=row["language"],
        config=config,
        anatomy=json.loads(row["anatomy"]),
        added_at=row["added_at"],
        variants=tuple(_variant(variant, _outdated(variant, source, checksum)) for variant in variants),
        folder=row["folder"],
    )


def _outdated(variant: sqlite3.Row, source: str | None, config: str) -> Outdated | None:
    """Return what a voice with that source and configuration has changed since the variant was made."""
    if variant["recipe"] is None:
        return None
    if variant["source_sha256"] not in (None, source):
        return Outdated.SOURCE
    return Outdated.CONFIG if variant["config_sha256"] not in (None, config) else None
