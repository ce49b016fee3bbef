"""`ttsdash results export` and `import`: their output and exit codes."""

import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.export.write import FORMATS
from core.store.database import open_store
from core.store.results import list_results
from core.workspace import Workspace
from tests.core.export.benchmarks import benchmark, evil_benchmark, put
from tests.running import refused
from tui.cli.app import run as run_program

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """A function that runs a command of `ttsdash results` in this process."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        code = run_program(["results", *map(str, arguments)])
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    monkeypatch.setenv("TTSDASH_HOME", str(workspace.root))
    return run


@pytest.fixture
def other(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Return the store of another machine."""
    with closing(open_store(Workspace(tmp_path / "other"))) as db:
        yield db


def test_a_history_is_copied_to_another_machine(
    call: Call, db: sqlite3.Connection, other: sqlite3.Connection, tmp_path: Path
) -> None:
    put(db, benchmark(1), benchmark(2))
    file = tmp_path / "history.jsonl"
    assert call("export", "--output", file).stdout == f"wrote {file}\n"
    home = ("--home", tmp_path / "other")
    assert call("import", file, *home).stdout == "added 2 benchmarks with 12 results, skipped 0 known\n"
    assert json.loads(call("import", file, *home, "--json").stdout) == {"added": 0, "skipped": 2, "results": 0}
    assert list_results(other) == list_results(db)


def test_an_export_can_be_piped_into_an_import(
    call: Call, db: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(db, benchmark(1))
    piped = call("export", "--format", "json").stdout
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(piped.encode())))
    done = call("import", "-", "--home", tmp_path / "other", "--json")
    assert json.loads(done.stdout) == {"added": 1, "skipped": 0, "results": 6}


@pytest.mark.parametrize("name", FORMATS)
def test_the_format_follows_from_the_suffix(name: str, call: Call, db: sqlite3.Connection, tmp_path: Path) -> None:
    put(db, benchmark(1))
    file = tmp_path / f"history.{name}"
    shape = json.loads(call("export", "--output", file, "--json").stdout)
    assert shape == {"output": str(file), "format": name}
    assert file.read_bytes().decode() == call("export", "--format", name).stdout


def test_a_voice_that_is_not_in_the_library_can_be_exported(call: Call, db: sqlite3.Connection) -> None:
    put(db, benchmark(1), benchmark(2, voice_id="b" * 64, voice_key="bob"))
    lines = call("export", "--format", "jsonl", "--voice", "bob").stdout.splitlines()
    assert [json.loads(line)["voice_key"] for line in lines[1:-1]] == ["bob"]
    assert "'eve'" in refused(call("export", "--format", "md", "--voice", "eve"), 1)


def test_errors_are_reported_in_one_line(call: Call, db: sqlite3.Connection, tmp_path: Path) -> None:
    put(db, benchmark(1))
    home = db.execute("PRAGMA database_list").fetchone()["file"]
    assert "--format csv, json, jsonl, md, html" in refused(call("export"), 2)
    assert "--format" in refused(call("export", "--output", tmp_path / "history.txt"), 2)
    assert "'xml'" in refused(call("export", "--format", "xml"), 2)
    assert "not an export of ttsdash" in refused(call("export", "--format", "csv", "--output", home), 2)
    assert "is a folder" in refused(call("export", "--format", "csv", "--output", tmp_path), 2)
    assert "No such file" in refused(call("import", tmp_path / "nothing.json"), 2)
    assert "Is a directory" in refused(call("import", tmp_path), 2)
    for name in ("csv", "md", "html"):
        call("export", "--output", tmp_path / f"history.{name}")
        assert "--format jsonl" in refused(call("import", tmp_path / f"history.{name}"), 2)
    assert len(list_results(db)) == 6


def test_imported_names_are_escaped_in_the_terminal(call: Call, db: sqlite3.Connection, tmp_path: Path) -> None:
    put(db, evil_benchmark())
    file = tmp_path / "history.json"
    call("export", "--output", file)
    home = ("--home", tmp_path / "other")
    call("import", file, *home)
    evil = list_results(db, variant=evil_benchmark().results[-1].figures["variant"])[0]
    for command in (["list"], ["show", evil.id]):
        shown = call(*command, *home).stdout
        assert "\\x1b[31mred\\x1b[0m\\x07" in shown
        assert all(char.isprintable() or char == "\n" for char in shown)
