"""A process that is killed at any call that changes files leaves the old state or the new one, and no other.

Each point costs a fork, some hundredths of a second. TTSDASH_FAULTS=long tries all of them, the normal run a sample where
there are many.
"""

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest
import sqlite_utils

from core.store.migrations import migrations
from core.workspace import APPLICATION_ID, Workspace
from tests.faults.scenarios import (
    END_OF_PAUSED,
    OPERATIONS,
    RUN,
    Saved,
    look,
    open_and_close,
    operate,
    recover,
    schema,
    with_a_running_job,
    with_jobs_in_all_states,
)
from tests.faults.shim import Call, Fault, Shim
from tests.long_runs import LONG

T = TypeVar("T")


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shim]:
    with Shim(tmp_path_factory.mktemp("shim")) as shim:
        yield shim


def kills(calls: Sequence[Call]) -> list[Fault]:
    """Return a kill before each call, and one in the middle of each write.

    Without TTSDASH_FAULTS=long, points are left out that leave the same files as a neighbour: before a call that follows
    a flush, and in the middle of consecutive writes to one file.
    """
    faults = []
    for at, (before, call, after) in enumerate(zip([None, *calls], calls, [*calls[1:], None], strict=False), 1):
        row = call.writes and before and after and before[:2] == call[:2] == after[:2]
        if LONG or not (call.writes or (before and before.syncs)):
            faults.append(Fault("kill", at))
        if call.writes and (LONG or not row):
            faults.append(Fault("kill", at, half=True))
    return faults


def some(points: list[T], most: int) -> list[T]:
    """Return a sample of that size in order, the same in each run, or all points if there are fewer."""
    if LONG or len(points) <= most:
        return points
    chosen = random.Random(20_240_229).sample(range(len(points)), most)
    return [points[number] for number in sorted(chosen)]


def assert_lasting(ends: list[tuple[bool, bool]]) -> None:
    """Check the outcomes (is the change there, was it reported), in the order of the points: what was reported is there."""
    assert all(made for made, reported in ends if reported)
    assert ends == sorted(ends), "a change that is there at one point is missing at a later one"
    assert {made for made, _ in ends} == {False, True}


def visible(workspace: Workspace) -> list[Path]:
    return sorted(workspace.optimized_models.glob("*/[!.]*"))


@pytest.mark.parametrize("replaces", [False, True], ids=["first", "replacement"])
@pytest.mark.parametrize("kind", ["quantize", "convert"])
def test_a_job_killed_at_any_call_leaves_the_old_variant_or_the_new_one(
    kind: str, replaces: bool, shim: Shim, tmp_path: Path
) -> None:
    workspace = with_a_running_job(shim, tmp_path, kind, replaces)
    saved, under = Saved.of(workspace.root), workspace.root
    before = shim.run(recover, workspace, under=under).reported
    saved.restore()
    calls = shim.trace(operate, workspace, RUN, under=under)
    after = shim.run(recover, workspace, under=under).reported
    ends = []
    for fault in kills(calls):
        saved.restore()
        outcome = shim.run(operate, workspace, RUN, under=under, fault=fault)
        assert outcome.killed, fault
        if replaces and kind == "quantize":
            # Even before the recovery a process that loads the variant finds one.
            assert [path.name for path in visible(workspace)] == ["copy.onnx", "copy.onnx.json"], fault
        found = shim.run(recover, workspace, under=under).reported
        assert found in (before, after), fault
        ends.append((found == after, outcome.reported == ["done"]))
    assert_lasting(ends)


@pytest.mark.parametrize("replaces", [False, True], ids=["first", "replacement"])
@pytest.mark.parametrize("kind", ["quantize", "convert"])
def test_a_recovery_killed_at_any_call_is_completed_by_the_next_one(
    kind: str, replaces: bool, shim: Shim, tmp_path: Path
) -> None:
    workspace = with_a_running_job(shim, tmp_path, kind, replaces)
    saved, under = Saved.of(workspace.root), workspace.root
    calls = shim.trace(operate, workspace, RUN, under=under)
    renamed = next(at for at, call in enumerate(calls, 1) if call.renames)
    for fault in some([fault for fault in kills(calls) if fault.at > renamed], 5):
        saved.restore()
        shim.run(operate, workspace, RUN, under=under, fault=fault)
        crashed = Saved.of(under)
        end = shim.run(recover, workspace, under=under).reported
        crashed.restore()
        for again in some(kills(shim.trace(recover, workspace, under=under)), 3):
            crashed.restore()
            assert shim.run(recover, workspace, under=under, fault=again).killed, (fault, again)
            assert shim.run(recover, workspace, under=under).reported == end, (fault, again)


@pytest.mark.parametrize("name", sorted({*OPERATIONS} - {RUN}))
def test_a_job_update_killed_at_any_call_is_complete_or_absent(name: str, shim: Shim, tmp_path: Path) -> None:
    workspace = with_jobs_in_all_states(tmp_path)
    saved, under = Saved.of(workspace.root), workspace.root
    before = shim.run(look, workspace, under=under).reported
    calls = shim.trace(operate, workspace, name, under=under)
    after = shim.run(look, workspace, under=under).reported
    ends = []
    for fault in kills(calls):
        saved.restore()
        outcome = shim.run(operate, workspace, name, under=under, fault=fault)
        assert outcome.killed, fault
        found = shim.run(look, workspace, under=under).reported
        assert found in (before, after), fault
        ends.append((found == after, outcome.reported == ["done"]))
    assert_lasting(ends)


@pytest.mark.parametrize("name", ["ask to pause", END_OF_PAUSED])
def test_a_job_that_is_being_paused_is_paused_by_the_next_worker_after_a_kill_at_any_call(
    name: str, shim: Shim, tmp_path: Path
) -> None:
    """Between the time of the pause in the row of a running job and its return to the queue, and within both."""
    workspace = with_jobs_in_all_states(tmp_path)
    saved, under = Saved.of(workspace.root), workspace.root
    job_id, calls = 2 if name == "ask to pause" else 6, shim.trace(operate, workspace, name, under=under)
    ends = []
    for fault in kills(calls):
        saved.restore()
        outcome = shim.run(operate, workspace, name, under=under, fault=fault)
        assert outcome.killed, fault
        (found,) = shim.run(recover, workspace, under=under).reported
        job = next(job for job in found["jobs"] if job.id == job_id)
        # No attempt is used up by a pause, but one by the death of the worker of a job that nobody has paused.
        assert (job.state, job.attempt, job.last_attempt) == ("queued", 1, 4 if job.paused else 3), fault
        ends.append((job.paused, outcome.reported == ["done"]))
    if name == END_OF_PAUSED:
        assert all(paused for paused, _ in ends)
    else:
        assert_lasting(ends)


def nothing(place: Path) -> None:
    """Create no workspace."""


def first_version(place: Path) -> None:
    workspace = Workspace(place / "workspace")
    workspace.prepare()
    with closing(sqlite3.connect(workspace.data_db)) as old:
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        migrations().apply(sqlite_utils.Database(old), stop_before="m002_selection")
        old.execute("PRAGMA journal_mode = WAL")
        old.executescript(
            """
            PRAGMA user_version = 1;
            INSERT INTO voices VALUES ('v', 'amy', '/amy.onnx', 1, 22050, 1, 'en', '{}', '{}', 't');
            INSERT INTO jobs (kind, voice_id, params, state, alone, last_attempt, created_at)
                VALUES ('benchmark', 'v', '{}', 'queued', 1, 3, 't');
            """
        )


@pytest.mark.parametrize("make", [nothing, first_version])
def test_a_store_whose_creation_was_killed_at_any_call_is_completed_when_it_is_opened(
    make: Callable[[Path], None], shim: Shim, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    make(place)
    workspace, saved = Workspace(place / "workspace"), Saved.of(place)
    calls = shim.trace(open_and_close, workspace, under=place)
    complete = shim.run(schema, workspace, under=place).reported
    for fault in some(kills(calls), 16):
        saved.restore()
        assert shim.run(open_and_close, workspace, under=place, fault=fault).killed, fault
        assert shim.run(schema, workspace, under=place).reported == complete, fault
