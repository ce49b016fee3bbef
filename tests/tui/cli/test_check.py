"""`ttsdash results check`: what a script is told, and with which exit code."""

import json
import sqlite3
from typing import Any

import pytest

from core.hardware.machine import this_machine
from core.store.database import transaction
from core.store.results import put_benchmark
from core.workspace import Workspace
from tests.measured import a_record, a_result
from tui.cli.app import run

WORSE = {
    "worse": ["speed-up 1.35x, was 1.50x; the original took 1.00x as long as then"],
    "changed": ["onnxruntime 1.30 -> 1.31"],
    "against": ["r0"],
}


def put(db: sqlite3.Connection, name: str, at: str, machine: Any = None, **figures: Any) -> None:
    results = (a_result(f"{name}-original", "original"), a_result(f"{name}-small", "small", **figures))
    record = a_record(name, machine=machine or this_machine(), created_at=at, results=results)
    with transaction(db):
        put_benchmark(db, record, None)


def check(workspace: Workspace, *arguments: str) -> int:
    return run(["results", "check", "--home", str(workspace.root), *arguments])


def test_without_results_it_says_how_to_get_some(
    workspace: Workspace, db: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(workspace) == 0
    assert capsys.readouterr().out == "no results of this machine yet: measure a voice with `ttsdash benchmark VOICE`\n"


def test_a_newest_result_that_is_worse_is_told_with_what_changed_and_ends_with_1(
    workspace: Workspace, db: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    put(db, "b1", "2026-01-01T00:00:00.000Z")
    put(db, "b2", "2026-01-02T00:00:00.000Z", regression=WORSE)
    assert check(workspace) == 1
    assert capsys.readouterr().out == (
        "amy small, 4 threads: speed-up 1.35x, was 1.50x; the original took 1.00x as long as then; "
        "since then: onnxruntime 1.30 -> 1.31 (result b2-small)\n"
    )
    assert check(workspace, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert ([one["id"] for one in told["regressions"]], told["results"], told["noisy"]) == (["b2-small"], 2, 0)
    assert told["regressions"][0]["regression"] == WORSE


def test_one_that_was_made_good_since_and_those_of_other_machines_are_no_news(
    workspace: Workspace, db: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    put(db, "b1", "2026-01-01T00:00:00.000Z", regression=WORSE)
    put(db, "b2", "2026-01-02T00:00:00.000Z", noisy=True)
    put(db, "b3", "2026-01-03T00:00:00.000Z", machine=a_record("x").machine, regression=WORSE)
    assert check(workspace) == 0
    assert capsys.readouterr().out == "nothing is worse than it was: 2 newest results; 1 result noisy, not judged\n"
