"""The order of flushes: each step that relies on an earlier one comes after that one was flushed to the disk."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from core.assistant.file import newest_backup, read_file, restore, write_file
from core.files import copy_whole
from core.store.database import open_store
from core.workspace import Workspace
from tests.faults.scenarios import OPERATIONS, RUN, Saved, operate, recover, with_a_running_job, with_jobs_in_all_states
from tests.faults.shim import Call, Fault, Shim


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shim]:
    with Shim(tmp_path_factory.mktemp("shim")) as shim:
        yield shim


def unflushed(calls: Sequence[Call]) -> tuple[set[Path], set[Path]]:
    """Return the files whose contents, and the names whose creation or removal, a power cut after these calls could undo."""
    contents: set[Path] = set()
    names: set[Path] = set()
    for call in calls:
        if call.syncs:
            contents.discard(call.path)
            names = {name for name in names if name.parent != call.path}
        elif call.writes or "truncate" in call.name:
            contents.add(call.path)
        else:
            if removes(call):
                contents = {path for path in contents if not path.is_relative_to(call.path)}
                names = {path for path in names if not path.is_relative_to(call.path)}
            if call.renames and call.other:
                contents = {_moved(path, call.path, call.other) for path in contents}
                names = {_moved(path, call.path, call.other) for path in names}
            names |= {path for path in call[1:] if isinstance(path, Path)}
    return contents, names


def _moved(path: Path, old: Path, new: Path) -> Path:
    return new / path.relative_to(old) if path.is_relative_to(old) else path


def assert_flushed_before_rename(calls: Sequence[Call], count: int) -> None:
    """Check that each of the `count` renames comes after its draft, with all its contents, was flushed."""
    renames = [at for at, call in enumerate(calls) if call.renames and call.path.name.startswith(".")]
    assert len(renames) == count
    for at in renames:
        contents, names = unflushed(calls[:at])
        draft = calls[at].path
        assert not [path for path in contents | names - {draft} if path.is_relative_to(draft)]


def below(folder: Path, calls: Sequence[Call]) -> list[Path]:
    """Return the paths below a folder that a power cut after these calls could undo."""
    contents, names = unflushed(calls)
    return [path for path in contents | names if path.is_relative_to(folder)]


def stored_at(calls: Sequence[Call], workspace: Workspace) -> int:
    """Return the index of the first write to the write-ahead log: a transaction is written at its commit."""
    return next(at for at, call in enumerate(calls) if call.writes and call.path == log_of(workspace))


def settled_at(calls: Sequence[Call], workspace: Workspace) -> int:
    """Return the index of the first removal after the commit: that of the replaced file."""
    return next(at for at, call in enumerate(calls) if at > stored_at(calls, workspace) and removes(call))


def removes(call: Call) -> bool:
    return call.name.startswith(("unlink", "rmdir"))


def log_of(workspace: Workspace) -> Path:
    return workspace.root / "data.db-wal"


def operate_and_report(workspace: Workspace, name: str) -> Iterator[None]:
    """Run an operation, and mark its end by a call that the trace shows."""
    with closing(open_store(workspace)) as db:
        yield
        OPERATIONS[name](workspace, db)
        (workspace.root / "reported").mkdir()


def reported_at(calls: Sequence[Call]) -> int:
    return next(at for at, call in enumerate(calls) if call.path.name == "reported")


@pytest.mark.parametrize("replaces", [False, True], ids=["first", "replacement"])
# Renamed are the files of the variant, and before them what the job has finished.
@pytest.mark.parametrize(("kind", "renames"), [("quantize", 3), ("convert", 2)])
def test_a_variant_is_flushed_before_the_commit_and_the_commit_before_the_old_file_is_removed(
    kind: str, renames: int, replaces: bool, shim: Shim, tmp_path: Path
) -> None:
    workspace = with_a_running_job(shim, tmp_path, kind, replaces)
    calls = shim.trace(operate_and_report, workspace, RUN, under=workspace.root)
    stored, settled, reported = stored_at(calls, workspace), settled_at(calls, workspace), reported_at(calls)
    assert_flushed_before_rename(calls[:stored], renames)
    assert below(workspace.optimized_models, calls[:stored]) == []
    assert log_of(workspace) not in unflushed(calls[:settled])[0]
    assert below(workspace.optimized_models, calls[:reported]) == []


@pytest.mark.parametrize("stored", [False, True], ids=["not stored", "stored"])
@pytest.mark.parametrize("kind", ["quantize", "convert"])
def test_recovery_is_flushed_before_the_job_is_requeued(kind: str, stored: bool, shim: Shim, tmp_path: Path) -> None:
    workspace = with_a_running_job(shim, tmp_path, kind, replaces=True)
    under, saved = workspace.root, Saved.of(workspace.root)
    calls = shim.trace(operate, workspace, RUN, under=under)
    saved.restore()
    at = (settled_at if stored else stored_at)(calls, workspace)
    shim.run(operate, workspace, RUN, under=under, fault=Fault("kill", at + 1))
    recovery = shim.trace(recover, workspace, under=under)
    assert [call for call in recovery if removes(call)]
    assert below(workspace.optimized_models, recovery[: stored_at(recovery, workspace)]) == []


@pytest.mark.parametrize("name", sorted({*OPERATIONS} - {RUN}))
def test_a_job_update_is_flushed_before_it_is_reported(name: str, shim: Shim, tmp_path: Path) -> None:
    workspace = with_jobs_in_all_states(tmp_path)
    calls = shim.trace(operate_and_report, workspace, name, under=workspace.root)
    contents, names = unflushed(calls[: reported_at(calls)])
    assert stored_at(calls, workspace) < reported_at(calls)
    assert log_of(workspace) not in contents | names


def copy(source: Path, target: Path) -> Iterator[None]:
    yield
    copy_whole(source, target)


def configure_and_undo(path: Path) -> Iterator[None]:
    file = read_file(path)
    yield
    write_file(file, b"a: 2\n")
    written = read_file(path)
    restore(written, newest_backup(written))


def test_a_copy_and_an_assistants_configuration_are_flushed_before_they_are_renamed(shim: Shim, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    config = place / "config.yaml"
    config.write_text("a: 1\n")
    for steps, arguments, renames in ((copy, (config, place / "copy"), 1), (configure_and_undo, (config,), 3)):
        calls = shim.trace(steps, *arguments, under=place)
        assert_flushed_before_rename(calls, renames)
        assert unflushed(calls) == (set(), set())
