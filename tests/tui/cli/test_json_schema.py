"""What commands print with --json, held against the schemas in docs/schema."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from core.records.voices import Voice
from core.store.database import open_store
from core.workspace import Workspace
from tests.core.voice_files import voice_file
from tests.factories import add_voice
from tests.history import put_history
from tests.schemas import SCHEMAS, check
from tests.vits import write_voice
from tui.cli.app import ttsdash

LISTS = [
    ("voices list", "voice"),
    ("jobs list", "job"),
    ("results list", "result"),
]
OBJECTS = [
    ("voices show en_US-joe-medium", "voice"),
    ("jobs show 1", "job-details"),
    ("jobs --since-last", "activity"),
    ("jobs pause", "paused"),
    ("jobs cancel --all", "cancelled-jobs"),
    ("jobs clean --yes", "removed-jobs"),
    ("results check", "check"),
    ("results prune --older-than 1d --dry-run", "pruned"),
    ("select en_US-joe-medium", "selection-history"),
    ("doctor", "findings"),
    ("worker status", "worker"),
]


def printed(workspace: Workspace, *arguments: object) -> Any:
    """Run a command with --json and read what it prints."""
    done = CliRunner().invoke(ttsdash, ["--home", str(workspace.root), *map(str, arguments), "--json"])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_and_requires_keys(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["additionalProperties"] is True
    assert SCHEMAS[name]["required"]


@pytest.mark.parametrize(("command", "schema"), LISTS)
def test_each_element_of_a_list_follows_the_schema(command: str, schema: str, full: Workspace) -> None:
    elements = printed(full, *command.split())
    assert elements
    for element in elements:
        check(element, schema)


@pytest.mark.parametrize(("command", "schema"), OBJECTS)
def test_an_object_follows_the_schema(command: str, schema: str, full: Workspace) -> None:
    check(printed(full, *command.split()), schema)


@pytest.fixture
def history(workspace: Workspace) -> Workspace:
    with closing(open_store(workspace)) as db:
        add_voice(db, voice_file())
        put_history(db)
    return workspace


def test_the_views_of_a_history_follow_the_schemas(history: Workspace) -> None:
    for command, schema in (("trend", "trend"), ("pareto", "pareto-result")):
        elements = printed(history, "results", command, "amy")
        assert elements
        for element in elements:
            check(element, schema)
    first, second, *_ = printed(history, "results", "list")
    check(printed(history, "results", "show", first["id"]), "result-details")
    check(printed(history, "results", "compare", first["id"], second["id"]), "compared-results")


def test_an_export_and_its_import_follow_the_schema(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    check(printed(workspace, "results", "export", "--output", file), "exported")
    check(printed(workspace, "results", "import", file), "imported")


def test_jobs_that_are_queued_moved_and_edited_follow_the_schema(workspace: Workspace, tmp_path: Path) -> None:
    voice = write_voice(tmp_path / "voices")
    check(printed(workspace, "voices", "add", voice), "registered-voice")
    printed(workspace, "jobs", "pause")
    queued = printed(workspace, "optimize", "--model", voice, "--dynamic", "--optimized", "--benchmark")
    check(queued, "submission")
    first, second, *_ = [job["id"] for job in queued["jobs"]]
    check(printed(workspace, "jobs", "move", second, "--first"), "moved-job")
    check(printed(workspace, "jobs", "edit", first, "--priority", 3), "job")
    check(printed(workspace, "jobs", "pause", first), "job")
    check(printed(workspace, "jobs", "resume", first), "job")
    check(printed(workspace, "jobs", "cancel", first), "job")
    printed(workspace, "jobs", "cancel", "--all")
    check(printed(workspace, "voices", "verify"), "verified")
    check(printed(workspace, "voices", "rename", "tiny", "other"), "voice")
    check(printed(workspace, "voices", "remove", "other", "--yes"), "removed-voice")


def test_a_proposal_for_an_assistant_follows_the_schema(workspace: Workspace, voice: Voice, tmp_path: Path) -> None:
    config = tmp_path / "assistant.yaml"
    config.write_text("models:\n  tts:\n    piper:\n      voice_path: tiny.onnx\n")
    check(printed(workspace, "apply", config, "--voice", voice.key, "--dry-run"), "proposal")
