"""`core.store.selections`: preferences and the history of selections."""

import sqlite3
from dataclasses import replace

from core.hardware.machine import Machine
from core.records.selection_warnings import SelectionWarning, WarningKind
from core.records.selections import CandidateStatus, Decision, Preference, Selection
from core.records.voices import Voice
from core.store.database import transaction
from core.store.selections import get_preference, latest_selections, list_selections, put_preference, put_selection

HERE, THERE = Machine("here", {"cores": 2}), Machine("there", {"cores": 8})
SELECTION = Selection(
    voice="amy",
    policy="priority",
    pinned=None,
    selected="static-int8",
    reason="the first in order that can be used: 1.70x here, sound slight",
    candidates=(
        Decision("static-int8", CandidateStatus.SELECTED, "the first"),
        Decision("original", CandidateStatus.ELIGIBLE, "comes after"),
    ),
    warnings=(SelectionWarning(WarningKind.FASTER_EXISTS, "dynamic-int8", "dynamic-int8 is faster here"),),
)


def put(db: sqlite3.Connection, voice: Voice, selection: Selection, machine: Machine = HERE, sha256: str = "a") -> bool:
    with transaction(db):
        return put_selection(db, voice.id, machine, selection, sha256, "job 1")


def test_by_default_only_measured_variants_are_selected(db: sqlite3.Connection, stored: Voice) -> None:
    assert get_preference(db, stored.id) == Preference("measured", None)
    for preference in (Preference("priority", "int4"), Preference("measured", None)):
        put_preference(db, stored.id, preference)
        assert get_preference(db, stored.id) == preference


def test_a_selection_is_read_as_it_was_stored(db: sqlite3.Connection, stored: Voice) -> None:
    assert put(db, stored, SELECTION)
    (stored_selection,) = list_selections(db, stored.id, HERE.id)
    assert stored_selection.selection == SELECTION
    assert (stored_selection.selected_sha256, stored_selection.cause) == ("a", "job 1")


def test_the_warnings_of_an_older_version_are_read_as_texts(db: sqlite3.Connection, stored: Voice) -> None:
    put(db, stored, SELECTION)
    db.execute("UPDATE selections SET warnings = ?", ('["static-int8 is SLOWER than the original"]',))
    warnings = latest_selections(db, HERE.id)["amy"].selection.warnings
    text = "static-int8 is SLOWER than the original"
    assert warnings == (SelectionWarning(WarningKind.LEGACY, "static-int8", text),)


def test_only_a_change_is_added_to_the_history(db: sqlite3.Connection, stored: Voice) -> None:
    put(db, stored, SELECTION)
    assert not put(db, stored, SELECTION)
    other = replace(SELECTION, selected="original", warnings=())
    assert put(db, stored, other)
    # The same name, but a new file.
    assert put(db, stored, other, sha256="b")
    assert [entry.selection.selected for entry in list_selections(db, stored.id, HERE.id)] == [
        *("original", "original"),
        "static-int8",
    ]


def test_each_machine_has_a_separate_history(db: sqlite3.Connection, stored: Voice) -> None:
    put(db, stored, SELECTION)
    put(db, stored, replace(SELECTION, selected="coreml"), THERE)
    put(db, stored, replace(SELECTION, selected="original"))
    assert {name: entry.selection.selected for name, entry in latest_selections(db, HERE.id).items()} == {
        "amy": "original"
    }
    assert latest_selections(db, THERE.id)["amy"].selection.selected == "coreml"
    assert latest_selections(db, "elsewhere") == {}
