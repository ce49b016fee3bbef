"""`ttsdash results check`: its output and exit codes."""

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
    "worse": ["speed-up 1.35x, was 1.50x; the original took 1.00x as long as before"],
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


def test_without_results_it_explains_how_to_get_some(
    workspace: Workspace, db: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(workspace) == 0
    assert (
        capsys.readouterr().out == "no results of this machine yet (benchmark a voice with: ttsdash benchmark VOICE)\n"
    )


def test_a_regression_is_reported_with_what_changed_and_exit_code_1(
    workspace: Workspace, db: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    put(db, "b1", "2026-01-01T00:00:00.000Z")
    put(db, "b2", "2026-01-02T00:00:00.000Z", regression=WORSE)
    assert check(workspace) == 1
    assert capsys.readouterr().out == (
        "amy small, 4 threads: speed-up 1.35x, was 1.50x; the original took 1.00x as long as before; "
        "changes since: onnxruntime 1.30 -> 1.31 (result b2-small)\n"
    )
    assert check(workspace, "--json") == 1
    printed = json.loads(capsys.readouterr().out)
    assert ([one["id"] for one in printed["regressions"]], printed["results"], printed["noisy"]) == (["b2-small"], 2, 0)
    assert printed["regressions"][0]["regression"] == WORSE


def test_a_regression_that_is_over_or_on_another_machine_is_not_reported(
    workspace: Workspace, db: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    put(db, "b1", "2026-01-01T00:00:00.000Z", regression=WORSE)
    put(db, "b2", "2026-01-02T00:00:00.000Z", noisy=True)
    put(db, "b3", "2026-01-03T00:00:00.000Z", machine=a_record("x").machine, regression=WORSE)
    assert check(workspace) == 0
    assert capsys.readouterr().out == "no regressions in 1 newest result\nnot judged: 1 measured on a busy machine\n"


def test_results_that_could_not_be_judged_are_not_called_free_of_regressions(
    workspace: Workspace, db: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    put(db, "b1", "2026-01-01T00:00:00.000Z")
    assert check(workspace) == 0
    assert capsys.readouterr().out == (
        "no result could be judged for regressions\nnot judged: 2 without an earlier result to compare with\n"
    )
    put(db, "b2", "2026-01-02T00:00:00.000Z", noisy=True, regression=None)
    assert check(workspace, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"regressions": [], "results": 2, "noisy": 1, "first": 0}
