"""Databases and exports of earlier versions are read unchanged."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from core.records.selection_warnings import WarningKind
from core.store.database import open_store
from core.store.selections import list_selections
from core.store.voices import get_voice
from core.workspace import Workspace
from tests.running import ttsdash, ttsdash_json

OLD = Path(__file__).parent / "fixtures" / "v0.1.0"
ANSWERS: dict[str, Any] = json.loads((OLD / "answers.json").read_text())
RESULTS: list[dict[str, Any]] = ANSWERS["results list --limit 100"]
RENAMED_KEYS = {
    "alone": "exclusive",
    "place": "position",
    "waits": "waiting_reason",
    "anatomy": "graph",
    "parts": "components",
}
"""Keys of voices and jobs that 0.2.0 renamed."""
# By default they ask for this machine, which the results are not of.
OF_A_MACHINE = ("results pareto", "results trend")


@pytest.fixture
def old_workspace(workspace: Workspace) -> Workspace:
    """A workspace with a copy of the old database."""
    shutil.copyfile(OLD / "data.db", workspace.data_db)
    workspace.data_db.chmod(0o600)
    return workspace


def with_todays_keys(answer: Any) -> Any:
    """Return an old answer with today's names of its keys."""
    if isinstance(answer, list):
        return [with_todays_keys(entry) for entry in answer]
    if not isinstance(answer, dict):
        return answer
    return {RENAMED_KEYS.get(key, key): with_todays_keys(value) for key, value in answer.items()}


def without_added_keys(new: Any, old: Any) -> Any:
    """Return a new answer without the keys that the old one does not have: keys may be added."""
    if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        return [without_added_keys(*pair) for pair in zip(new, old, strict=True)]
    if isinstance(new, dict) and isinstance(old, dict):
        return {key: without_added_keys(value, old[key]) for key, value in new.items() if key in old}
    return new


@pytest.mark.parametrize("command", [command for command in ANSWERS if not command.startswith("select ")])
def test_commands_answer_as_the_old_version_did(old_workspace: Workspace, command: str) -> None:
    machine = ("--machine", RESULTS[0]["machine"]) if command.startswith(OF_A_MACHINE) else ()
    expected = ANSWERS[command]
    if command.startswith(("voices ", "jobs ")):
        expected = with_todays_keys(expected)
    answer = ttsdash_json(old_workspace, *command.split(), *machine)
    assert without_added_keys(answer, expected) == expected


def todays_verdict(old: str) -> str:
    """Return the current word for a verdict: `rejected` had another one."""
    return old if old in ("selected", "eligible") else "rejected"


def test_the_history_of_selections_is_kept_with_its_warnings(old_workspace: Workspace) -> None:
    with sqlite3.connect(f"file:{OLD / 'data.db'}?mode=ro&immutable=1", uri=True) as before:
        rows = before.execute(
            "SELECT id, selected, reason, warnings, candidates FROM selections ORDER BY id"
        ).fetchall()
    db = open_store(old_workspace)
    stored = [
        selection
        for key in ("tiny", "other")
        for selection in list_selections(db, get_voice(db, key).id, RESULTS[0]["machine"])
    ]
    db.close()
    stored.sort(key=lambda entry: entry.id)
    assert len(stored) == len(rows) > 8
    for entry, (number, selected, reason, warnings, candidates) in zip(stored, rows, strict=True):
        assert (entry.id, entry.selection.selected, entry.selection.reason) == (number, selected, reason)
        assert [warning.text for warning in entry.selection.warnings] == json.loads(warnings)
        assert [(one.variant, one.status, one.reason) for one in entry.selection.candidates] == [
            (one["variant"], todays_verdict(one["verdict"]), one["reason"]) for one in json.loads(candidates)
        ]
    kinds = {warning.kind for entry in stored for warning in entry.selection.warnings}
    assert kinds and all(isinstance(kind, WarningKind) for kind in kinds)


def test_opening_the_old_database_loses_no_row(old_workspace: Workspace) -> None:
    def counts(path: Path) -> dict[str, int]:
        db = sqlite3.connect(path)
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
        db.close()
        return found

    before = counts(shutil.copyfile(OLD / "data.db", old_workspace.root / "before.db"))
    open_store(old_workspace).close()
    after = counts(old_workspace.data_db)
    # Migrations that came since are recorded too.
    before.pop("_sqlite_migrations")
    assert {name: after.get(name) for name in before} == before
    assert before["samples"] > 50


@pytest.mark.parametrize("name", ["history.json", "history.jsonl"])
def test_old_exports_are_imported_with_the_same_results(workspace: Workspace, name: str) -> None:
    done = ttsdash(workspace, "results", "import", OLD / name)
    assert done.returncode == 0, done.stderr
    imported = ttsdash_json(workspace, "results", "list", "--limit", 100)
    by_id = {result["id"]: result for result in imported}
    # What the recipe was is known only to a library with the voice.
    expected = [{key: value for key, value in result.items() if key != "recipe"} for result in RESULTS]
    assert without_added_keys([by_id[result["id"]] for result in RESULTS], expected) == expected
    for result in RESULTS:
        old = ANSWERS[f"results show {result['id']}"]
        new = ttsdash_json(workspace, "results", "show", result["id"])
        for part in ("samples", "starts", "parallel_runs"):
            assert without_added_keys(new[part], old[part]) == old[part]
