"""Store the selection preferences of voices, and the history of selections on each machine."""

import json
import sqlite3
from dataclasses import asdict
from typing import Any

from core.clock import now
from core.hardware.machine import Machine
from core.records.selection_warnings import SelectionWarning, WarningKind
from core.records.selections import CandidateStatus, Decision, Preference, Selection, StoredSelection


def get_preference(db: sqlite3.Connection, voice_id: str) -> Preference:
    """Return the policy and the pin of a voice; the default if none was set."""
    row = db.execute("SELECT policy, pinned FROM selection_wishes WHERE voice_id = ?", (voice_id,)).fetchone()
    return Preference(row["policy"], row["pinned"]) if row else Preference()


def put_preference(db: sqlite3.Connection, voice_id: str, preference: Preference) -> None:
    """Store the policy and the pin of a voice."""
    db.execute(
        "INSERT INTO selection_wishes VALUES (?, ?, ?) ON CONFLICT (voice_id) DO UPDATE SET policy = ?, pinned = ?",
        (voice_id, preference.policy, preference.pinned, preference.policy, preference.pinned),
    )


def put_selection(
    db: sqlite3.Connection, voice_id: str, machine: Machine, selection: Selection, sha256: str, cause: str
) -> bool:
    """Store a selection if it differs from the last one, and return whether it does. Call it in a transaction."""
    last = latest_selection(db, voice_id, machine.id)
    if last and (last.selection, last.selected_sha256) == (selection, sha256):
        return False
    db.execute("INSERT INTO machines VALUES (?, ?) ON CONFLICT DO NOTHING", (machine.id, json.dumps(machine.facts)))
    db.execute(
        """INSERT INTO selections (voice_id, machine_id, policy, pinned, selected, selected_sha256, reason, candidates,
               warnings, cause, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            voice_id,
            machine.id,
            selection.policy,
            selection.pinned,
            selection.selected,
            sha256,
            selection.reason,
            json.dumps([_stored(decision) for decision in selection.candidates]),
            json.dumps([asdict(warning) for warning in selection.warnings]),
            cause,
            now(),
        ),
    )
    return True


def latest_selection(db: sqlite3.Connection, voice_id: str, machine_id: str) -> StoredSelection | None:
    """Return the current selection of a voice on a machine."""
    return next(iter(list_selections(db, voice_id, machine_id, limit=1)), None)


def list_selections(db: sqlite3.Connection, voice_id: str, machine_id: str, limit: int = 500) -> list[StoredSelection]:
    """Return the selection history of a voice on a machine, newest first."""
    rows = db.execute(
        _SELECTIONS + " WHERE voice_id = ? AND machine_id = ? ORDER BY selections.id DESC LIMIT ?",
        (voice_id, machine_id, limit),
    )
    return [_selection(row) for row in rows]


def latest_selections(db: sqlite3.Connection, machine_id: str) -> dict[str, StoredSelection]:
    """Return the current selections on a machine, by voice key."""
    rows = db.execute(
        _SELECTIONS
        + """ WHERE selections.id IN (
                SELECT max(id) FROM selections WHERE machine_id = ? GROUP BY voice_id, machine_id)""",
        (machine_id,),
    )
    return {row["voice"]: _selection(row) for row in rows}


_SELECTIONS = "SELECT selections.*, voices.key AS voice FROM selections JOIN voices ON voices.id = selections.voice_id"


def _selection(row: sqlite3.Row) -> StoredSelection:
    return StoredSelection(
        id=row["id"],
        voice_id=row["voice_id"],
        selected_sha256=row["selected_sha256"],
        cause=row["cause"],
        created_at=row["created_at"],
        selection=Selection(
            voice=row["voice"],
            policy=row["policy"],
            pinned=row["pinned"],
            selected=row["selected"],
            reason=row["reason"],
            candidates=tuple(_decision(entry) for entry in json.loads(row["candidates"])),
            warnings=tuple(_warning(entry, row["selected"]) for entry in json.loads(row["warnings"])),
        ),
    )


def _decision(entry: dict[str, Any]) -> Decision:
    """Read a stored decision; versions up to 0.1 had another word for `rejected`."""
    known = {status.value for status in CandidateStatus}
    status = CandidateStatus(entry["verdict"]) if entry["verdict"] in known else CandidateStatus.REJECTED
    return Decision(entry["variant"], status, entry["reason"], entry.get("names_caveat", False))


def _stored(decision: Decision) -> dict[str, Any]:
    """Return a decision under its stored keys, which `_decision` reads."""
    return {
        "variant": decision.variant,
        "verdict": decision.status,
        "reason": decision.reason,
        "names_caveat": decision.names_caveat,
    }


def _warning(entry: str | dict[str, Any], selected: str) -> SelectionWarning:
    """Read a stored warning; versions up to 0.1 stored only the text."""
    if isinstance(entry, str):
        return SelectionWarning(WarningKind.LEGACY, selected, entry)
    return SelectionWarning(WarningKind(entry["kind"]), entry["variant"], entry["text"])
