"""A worker that is started from a limited shell: what it keeps, and what its results say about it."""

import os
import re
import resource
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from core.hardware.detection import allowed_cores
from core.hardware.limits import KEEP
from core.records.voices import Voice
from core.store.results import list_results
from core.workspace import Workspace
from jobs.worker_control import worker_status
from tests.running import ttsdash, ttsdash_json

pytestmark = [
    pytest.mark.all_cores,
    pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen"),
]


def limited() -> None:
    """Limit a process as `nice`, `taskset` and `ulimit` do."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.nice(1)
    resource.setrlimit(resource.RLIMIT_AS, (6 * 10**9, resource.getrlimit(resource.RLIMIT_AS)[1]))


def start(workspace: Workspace, prepare: Callable[[], None]) -> None:
    done = ttsdash(workspace, "worker", "start", preexec_fn=prepare)
    assert done.returncode == 0, done.stderr


def test_a_worker_has_normal_limits_whatever_the_shell_has(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    start(workspace, limited)
    limits = worker_status(workspace).limits
    assert limits is not None
    assert (limits.cores, limits.address_space_mb, limits.variables) == (allowed_cores(), None, ())
    assert limits.nice == (0 if os.geteuid() == 0 else 1)
    found = ttsdash(workspace, "doctor", preexec_fn=limited).stdout
    assert f"all {os.cpu_count()}" in found or "limited to" in found


@pytest.mark.long
@pytest.mark.skipif(allowed_cores() < 2, reason="needs two cores")
def test_results_of_a_limited_worker_count_and_say_so(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEEP, "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    start(workspace, limited)
    monkeypatch.delenv("OMP_NUM_THREADS")
    words = (f"1 of {os.cpu_count()} cores", "nice 1", "6000 MB of address space", "OMP_NUM_THREADS=1")

    done = ttsdash(workspace, "optimize", "--model", voice.key, "--dynamic", "--benchmark", "--wait")
    assert done.returncode == 0, done.stderr
    results = list_results(db)
    assert {(result.threads, result.stock) for result in results} == {(1, True)}
    assert [result.limits.words for result in results if result.limits] == [words] * 2
    shown = ttsdash(workspace, "results", "show", results[0].id).stdout
    assert re.search(f"^limits +{', '.join(words)}$", shown, re.MULTILINE)
    assert ttsdash_json(workspace, "results", "show", results[0].id)["limits"]["nice"] == 1

    (judged,) = [
        candidate
        for candidate in ttsdash_json(workspace, "select", voice.key, "--policy", "measured")["candidates"]
        if candidate["variant"] == "dynamic-int8"
    ]
    assert f"limits: {' and '.join(words)}" in judged["reason"]
    answer = ttsdash_json(workspace, "doctor")["findings"]
    messages = {finding["check"]: finding["message"] for finding in answer}
    assert messages["cores"] == f"limited to 1 of {os.cpu_count()} cores"
    assert messages["limits"] == f"the worker measures with {', '.join(words[1:])}"
    assert "not measured" not in messages["results"]
    assert f"limits: {', '.join(words)}" in ttsdash(workspace, "worker", "status").stdout


def test_the_log_of_the_worker_names_its_limits(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEEP, "1")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    start(workspace, lambda: None)
    assert "MALLOC_ARENA_MAX=2" in Path(workspace.worker_log).read_text()
