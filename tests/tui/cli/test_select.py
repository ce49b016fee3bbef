"""`ttsdash select`: the selection as text and as JSON."""

import sqlite3

from core.records.voices import Voice
from core.workspace import Workspace
from tests.running import ttsdash, ttsdash_json

NOTHING_MEASURED = "no variant has been measured on this machine at all cores"
KEYS = {"voice", "policy", "pinned", "selected", "reason", "candidates", "warnings", "history"}


def test_a_policy_and_a_pin_stay_until_they_are_removed(workspace: Workspace, voice: Voice) -> None:
    first = ttsdash_json(workspace, "select", voice.key)
    assert set(first) == KEYS
    assert (first["policy"], first["pinned"], first["selected"]) == ("measured", None, "original")
    assert first["candidates"] == [{"variant": "original", "verdict": "selected", "reason": NOTHING_MEASURED}]

    ttsdash_json(workspace, "select", voice.key, "--policy", "priority", "--pin", "original")
    later = ttsdash_json(workspace, "select", voice.key)
    assert (later["policy"], later["pinned"], later["reason"]) == ("priority", "original", "pinned")

    back = ttsdash_json(workspace, "select", voice.key, "--unpin", "--policy", "measured")
    assert {name: back[name] for name in KEYS - {"history"}} == {name: first[name] for name in KEYS - {"history"}}
    assert [change["cause"] for change in back["history"]] == [
        "policy changed from priority to measured, original unpinned",
        "policy changed from measured to priority, original pinned",
        "requested",
    ]


def test_it_prints_what_is_selected_why_and_since_when(workspace: Workspace, voice: Voice) -> None:
    lines = ttsdash(workspace, "select", voice.key).stdout.splitlines()
    assert lines[0] == f"tiny: original ({NOTHING_MEASURED})"
    assert lines[1].split() == ["policy", "measured", "verdict", "reason"]
    assert lines[-1].endswith(f"  original  {NOTHING_MEASURED}; cause: requested")


def test_an_invalid_preference_is_refused_and_changes_nothing(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    for arguments, code, expected in [
        (["nobody"], 1, "voice not found: 'nobody'"),
        ([voice.key, "--pin", "int9"], 1, "tiny has no variant 'int9'; it has: original"),
        ([voice.key, "--pin", "original", "--unpin"], 2, "--pin and --unpin exclude each other: use one of them"),
        ([voice.key, "--policy", "best"], 2, "Invalid value for '--policy'"),
    ]:
        done = ttsdash(workspace, "select", *arguments)
        assert (done.returncode, done.stdout) == (code, "")
        assert done.stderr.startswith(f"ttsdash: {expected}")
    assert db.execute("SELECT count(*) FROM selection_wishes").fetchone()[0] == 0
