"""Give a voice another name."""

import sqlite3

from core.errors import InvalidInput
from core.records.voices import Voice
from core.store.database import transaction
from core.store.voices import get_voice, voice_of_id
from core.text import fold_case, safe_name, truncate

_MODEL_SUFFIX = ".onnx"


def rename_voice(db: sqlite3.Connection, voice: str, name: str) -> Voice:
    """Rename a voice and return it. Files stay where they are: an assistant may load them by their paths.

    Raises NotFound, and InvalidInput for a name that is taken, also if only the case differs, or that cannot be one.
    """
    _check(name)
    with transaction(db):
        found = get_voice(db, voice)
        for row in db.execute("SELECT id, key FROM voices"):
            if row["id"] != found.id and fold_case(row["key"]) == fold_case(name):
                raise InvalidInput(f"there is a voice {row['key']} already: choose another name")
        db.execute("UPDATE voices SET key = ? WHERE id = ?", (name, found.id))
        return voice_of_id(db, found.id)


def _check(name: str) -> None:
    if not name.strip():
        raise InvalidInput("the new name is empty: give one")
    allowed = safe_name(name, fallback="voice").removesuffix(_MODEL_SUFFIX)
    if name != allowed:
        raise InvalidInput(f"{truncate(name)!r} cannot be the name of a voice: {allowed} can")
