"""What is wished for a voice, its policy and its pin: each change of it selects anew."""

import sqlite3
from dataclasses import replace

from core.hardware.detection import HardwareInfo
from core.records.selections import Policy, Preference, Selection
from core.selection.evaluate import select_now
from core.store.database import transaction
from core.store.selections import get_preference, put_preference
from core.store.voices import get_voice


def select_with_preference(
    db: sqlite3.Connection,
    voice_key: str,
    policy: Policy | None = None,
    pin: str | None = None,
    unpin: bool = False,
    probes: HardwareInfo | None = None,
) -> Selection:
    """Select with what is wished from now on; what is None stays as it is. Raises NotFound."""
    voice = get_voice(db, voice_key)
    before = get_preference(db, voice.id)
    after = replace(
        before,
        policy=policy or before.policy,
        pinned=voice.variant(pin).name if pin is not None else None if unpin else before.pinned,
    )
    if after != before:
        with transaction(db):
            put_preference(db, voice.id, after)
    return select_now(db, voice.key, _cause(before, after), probes)


def _cause(before: Preference, after: Preference) -> str:
    says = []
    if after.policy != before.policy:
        says.append(f"policy {after.policy} instead of {before.policy}")
    if after.pinned != before.pinned:
        says.append(f"{after.pinned} pinned" if after.pinned else f"{before.pinned} unpinned")
    return ", ".join(says) or "asked by hand"
