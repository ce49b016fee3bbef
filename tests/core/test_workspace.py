"""`core.workspace` finds the folder to work in, and `core.files` makes files that last and are private."""

import os
import sqlite3
from pathlib import Path

import pytest

from core import files
from core.store.database import open_store
from core.workspace import APPLICATION_ID, Workspace, find_workspace
from tests.core.refusals import refusal

_AS_ROOT = os.geteuid() == 0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a workspace's database in it, and one below."""
    root = tmp_path / "project"
    open_store(Workspace(root)).close()
    (root / "deep" / "down").mkdir(parents=True)
    return root


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder without a workspace above it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def test_the_home_that_is_named_comes_first(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSDASH_HOME", str(tmp_path / "from-env"))
    assert find_workspace(tmp_path / "named", start=project).root == tmp_path / "named"
    assert find_workspace(str(tmp_path / "named"), start=project).root == tmp_path / "named"


def test_the_environment_comes_second(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSDASH_HOME", str(tmp_path / "from-env"))
    assert find_workspace(start=project).root == tmp_path / "from-env"


@pytest.mark.parametrize("below", [".", "deep", "deep/down"])
def test_the_nearest_workspace_upward_comes_third(below: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSDASH_HOME", "")
    assert find_workspace(start=project / below).root == project
    monkeypatch.chdir(project / below)
    assert find_workspace().root == project


def test_a_nearer_workspace_hides_a_farther_one(project: Path) -> None:
    near = project / "deep"
    open_store(Workspace(near)).close()
    assert find_workspace(start=near / "down").root == near


def test_the_folder_of_the_user_comes_last(elsewhere: Path, tmp_path: Path) -> None:
    found = find_workspace(start=elsewhere).root
    assert found.name == "ttsdash"
    assert not found.exists()
    if os.name == "posix" and os.uname().sysname == "Linux":
        assert found == tmp_path / "share" / "ttsdash"


@pytest.mark.parametrize("content", [b"", b"x" * 50, b"x" * 4096, b"\0" * 68 + b"ttsD"])
def test_a_data_db_of_another_kind_is_passed_by(content: bytes, elsewhere: Path) -> None:
    (elsewhere / "data.db").write_bytes(content)
    assert find_workspace(start=elsewhere).root.name == "ttsdash"


def test_a_data_db_of_another_program_is_passed_by(project: Path) -> None:
    inner = project / "deep"
    with sqlite3.connect(inner / "data.db") as db:
        db.execute("CREATE TABLE holidays (day TEXT)")
    db.close()
    assert find_workspace(start=inner).root == project


def test_a_folder_called_data_db_is_passed_by(project: Path) -> None:
    (project / "deep" / "data.db").mkdir()
    assert find_workspace(start=project / "deep").root == project


@pytest.mark.skipif(not _AS_ROOT, reason="only root can give files away")
def test_a_data_db_of_another_user_is_passed_by(project: Path) -> None:
    os.chown(project / "data.db", 12345, -1)
    assert find_workspace(start=project).root.name == "ttsdash"


def test_a_new_workspace_is_recognised_while_its_first_user_is_still_at_work(tmp_path: Path) -> None:
    db = open_store(Workspace(tmp_path / "new"))
    header = (tmp_path / "new" / "data.db").read_bytes()[:100]
    db.close()
    assert int.from_bytes(header[68:72], "big") == APPLICATION_ID


def test_homes_are_made_absolute_and_tildes_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert find_workspace("here/../there").root == tmp_path / "there"
    assert find_workspace("~/tts").root == tmp_path / "me" / "tts"


def test_finding_a_workspace_makes_nothing(elsewhere: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    find_workspace(tmp_path / "named")
    find_workspace(start=elsewhere)
    assert sorted(tmp_path.rglob("*")) == before


def test_preparing_makes_the_folders_private_and_may_be_done_again(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "a" / "b")
    for _ in range(2):
        workspace.prepare()
    folders = [workspace.root.parent, workspace.root, workspace.optimized_models, workspace.logs]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


def test_everything_lies_in_the_workspace(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    paths = [
        workspace.data_db,
        workspace.queue_db,
        workspace.optimized_models,
        workspace.worker_lock,
        workspace.worker_log,
        workspace.job_log(7),
        workspace.scratch(7),
    ]
    assert len(set(paths)) == 7
    assert all(path.is_relative_to(tmp_path) for path in paths)


@pytest.mark.parametrize("name", ["", "optimized_models", "logs"])
def test_a_file_in_the_place_of_a_folder_is_refused(name: str, tmp_path: Path) -> None:
    file = tmp_path / "workspace" / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    assert "is a file" in refusal(Workspace(tmp_path / "workspace").prepare, names=file)


def test_a_workspace_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    root = tmp_path / "file" / "workspace"
    assert "--home" in refusal(Workspace(root).prepare, names=root)


def test_a_link_to_nothing_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    root.symlink_to(tmp_path / "nothing")
    assert "--home" in refusal(Workspace(root).prepare, names=root)


@pytest.mark.skipif(_AS_ROOT, reason="root writes everywhere")
@pytest.mark.parametrize("missing", [False, True])
def test_a_read_only_folder_is_refused(missing: bool, tmp_path: Path) -> None:
    root = tmp_path / "closed"
    workspace = Workspace(root / "workspace" if missing else root)
    if not missing:
        workspace.prepare()
    root.mkdir(exist_ok=True)
    root.chmod(0o500)
    try:
        assert "--home" in refusal(workspace.prepare, names=workspace.root)
    finally:
        root.chmod(0o700)


def test_a_private_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    file.chmod(0o644)
    files.create_private(file)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("kept", 0o644)
    files.create_private(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600


def test_a_copy_is_whole_or_what_was_there_before(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"new" * 1000)
    target.write_bytes(b"old")
    with pytest.raises(FileNotFoundError):
        files.copy_whole(tmp_path / "nothing", target)
    assert target.read_bytes() == b"old"
    files.copy_whole(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["source", "target"]


def test_a_checksum_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert files.sha256_of(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_is_written_atomically_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o644)
    with pytest.raises(RuntimeError), files.atomic_write(path) as stream:
        stream.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    with files.atomic_write(path) as stream:
        stream.write(b"new")
        stream.flush()
        assert path.read_bytes() == b"old"
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_an_atomic_write_replaces_a_link_and_the_draft_of_a_killed_process(tmp_path: Path) -> None:
    path, left = tmp_path / "file", tmp_path / ".left"
    path.symlink_to(tmp_path / "other")
    left.write_bytes(b"half")
    with files.atomic_write(path, left) as stream:
        stream.write(b"new")
    assert not path.is_symlink()
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("file", b"new")]


def test_a_folder_takes_its_name_once_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with pytest.raises(RuntimeError), files.draft_of(path) as draft:
        draft.mkdir()
        (draft / "a").write_bytes(b"a")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with files.draft_of(path) as draft:
        (draft / "inner").mkdir(parents=True)
        (draft / "inner" / "a").write_bytes(b"a")
        assert not path.exists()
    assert (path / "inner" / "a").read_bytes() == b"a"
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
