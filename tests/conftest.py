"""The fixtures of most tests: a workspace, its store, and a tiny voice."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.hardware.limits import KEEP
from core.records.voices import Voice
from core.store.database import open_store
from core.voices.file import read_voice
from core.workspace import Workspace
from tests.factories import add_voice
from tests.running import processes_of
from tests.vits import write_voice


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the long tests first, and the others in the random order that they come in."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(autouse=True)
def one_core_for_whole_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the programs that a test starts on one core, the worker too, so that they leave the others to other tests.

    They then measure at one thread only. A test that is marked `all_cores` has all of them.
    """
    in_core = Path(__file__).with_name("core") in Path(request.node.path).parents
    outside = in_core or request.node.get_closest_marker("all_cores")
    if outside or not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = sorted(os.sched_getaffinity(0))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    monkeypatch.setenv(KEEP, "1")
    os.sched_setaffinity(0, {cores[number % len(cores)]})
    yield
    os.sched_setaffinity(0, cores)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Return an empty workspace whose benchmarks are as short as possible; end all processes in it after the test."""
    made = Workspace(tmp_path / "workspace")
    made.prepare()
    made.settings_file.write_text("benchmark_budget: 1s\n")
    made.settings_file.chmod(0o600)
    yield made
    for process in processes_of(made):
        process.kill()


@pytest.fixture
def db(workspace: Workspace) -> Iterator[sqlite3.Connection]:
    connection = open_store(workspace)
    yield connection
    connection.close()


@pytest.fixture
def voice_path(tmp_path: Path) -> Path:
    """Write a tiny voice that is not registered, and return its path."""
    return write_voice(tmp_path / "voices")


@pytest.fixture
def voice(db: sqlite3.Connection, voice_path: Path) -> Voice:
    """Return a registered tiny voice."""
    return add_voice(db, read_voice(voice_path))
