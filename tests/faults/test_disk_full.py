"""A disk that is full at any call that needs space: one clear error, no change, and a retry with free space succeeds."""

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from core.errors import TtsdashError, format_error
from core.store.database import open_store
from core.workspace import Workspace
from tests.faults.scenarios import (
    OPERATIONS,
    RUN,
    Saved,
    look,
    schema,
    see,
    with_a_running_job,
    with_jobs_in_all_states,
)
from tests.faults.shim import Fault, Shim, disarm
from tests.long_runs import LONG


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shim]:
    with Shim(tmp_path_factory.mktemp("shim")) as shim:
        yield shim


class Tries(NamedTuple):
    """The outcome of an operation on a full disk, and of the same operation with free space."""

    struck: bool
    error: str | None
    then: dict[str, Any]
    again: dict[str, Any]


def try_twice(workspace: Workspace, name: str) -> Iterator[Tries | None]:
    """Try an operation on a full disk, then again with free space, in the same process and with the same connection."""
    with closing(open_store(workspace)) as db:
        yield None
        error = None
        try:
            OPERATIONS[name](workspace, db)
        except (OSError, sqlite3.OperationalError, TtsdashError) as failure:
            error = format_error(failure)
        struck = disarm()
        then = see(workspace)
        if error:
            OPERATIONS[name](workspace, db)
        yield Tries(struck, error, then, see(workspace))


def assert_complete_or_absent(shim: Shim, workspace: Workspace, name: str, step: int = 1) -> None:
    saved, under = Saved.of(workspace.root), workspace.root
    (before,) = shim.run(look, workspace, under=under).reported
    (done,) = shim.run(try_twice, workspace, name, under=under).reported
    refused = 0
    for index, at in enumerate(itertools.count(1, 1 if LONG else step)):
        # For three calls, and for ever.
        for calls in (3, 0) if LONG else (3 if index % 2 else 0,):
            saved.restore()
            fault = Fault("full", at, calls, half=True)
            (tries,) = shim.run(try_twice, workspace, name, under=under, fault=fault).reported
            assert tries.then == (before if tries.error else done.then), fault
            assert tries.again == done.then, fault
            assert tries.error is None or "disk" in tries.error, fault
            refused += tries.error is not None
        if not tries.struck:
            break
    assert refused > 2


@pytest.mark.parametrize("replaces", [False, True], ids=["first", "replacement"])
@pytest.mark.parametrize("kind", ["quantize", "convert"])
def test_a_job_on_a_full_disk_leaves_the_old_variant_and_no_partial_one(
    kind: str, replaces: bool, shim: Shim, tmp_path: Path
) -> None:
    assert_complete_or_absent(shim, with_a_running_job(shim, tmp_path, kind, replaces), RUN)


@pytest.mark.parametrize("name", sorted({*OPERATIONS} - {RUN}))
def test_a_job_update_on_a_full_disk_changes_nothing(name: str, shim: Shim, tmp_path: Path) -> None:
    assert_complete_or_absent(shim, with_jobs_in_all_states(tmp_path), name, step=3)


def open_twice(workspace: Workspace) -> Iterator[tuple[bool, str | None]]:
    yield False, None
    error = None
    try:
        open_store(workspace).close()
    except TtsdashError as failure:
        error = str(failure)
    struck = disarm()
    open_store(workspace).close()
    yield struck, error


def test_a_store_that_could_not_be_created_on_a_full_disk_is_created_once_there_is_space(
    shim: Shim, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    workspace, saved = Workspace(place / "workspace"), Saved.of(place)
    shim.run(open_twice, workspace, under=place)
    complete = shim.run(schema, workspace, under=place).reported
    # The first calls create the folders and the file and set WAL mode; the rest is one transaction.
    for at in itertools.count(1) if LONG else range(1, 25):
        saved.restore()
        ((struck, error),) = shim.run(
            open_twice, workspace, under=place, fault=Fault("full", at, 3, half=True)
        ).reported
        assert error is None or "cannot" in error, at
        assert shim.run(schema, workspace, under=place).reported == complete, at
        if not struck:
            break
