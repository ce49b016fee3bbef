"""Change the policy or the pin of a voice, and select again."""

import sqlite3
from dataclasses import replace

from core.hardware.detection import HardwareInfo
from core.records.selections import Policy, Preference, Selection
from core.selection.evaluate import select_and_record
from core.store.database import transaction
from core.store.selections import get_preference, put_preference
from core.store.voices import get_voice


def set_preference(
    db: sqlite3.Connection,
    voice_key: str,
    policy: Policy | None = None,
    pin: str | None = None,
    unpin: bool = False,
    hardware: HardwareInfo | None = None,
) -> Selection:
    """Store a policy or a pin, select with it, and return the selection. What is None stays as it is. Raises NotFound."""
    voice = get_voice(db, voice_key)
    before = get_preference(db, voice.id)
    pinned = before.pinned
    if pin is not None:
        pinned = voice.variant(pin).name
    elif unpin:
        pinned = None
    after = replace(before, policy=policy or before.policy, pinned=pinned)
    if after != before:
        with transaction(db):
            put_preference(db, voice.id, after)
    return select_and_record(db, voice.key, _cause(before, after), hardware)


def _cause(before: Preference, after: Preference) -> str:
    changes = []
    if after.policy != before.policy:
        changes.append(f"policy changed from {before.policy} to {after.policy}")
    if after.pinned != before.pinned:
        changes.append(f"{after.pinned} pinned" if after.pinned else f"{before.pinned} unpinned")
    return ", ".join(changes) or "requested"
