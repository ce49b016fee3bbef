"""`core.assistant.file`: read a configuration, replace it atomically, restore it."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core import files
from core.assistant.file import newest_backup, read_file, restore, write_file
from core.errors import InvalidInput, NotFound, TtsdashError
from tests.core.refusals import refusal

OLD, NEW = b"a: 1\n", b"a: 2\n" * 5000
_AS_ROOT = os.geteuid() == 0


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "assistant.yaml"
    path.parent.mkdir()
    path.write_bytes(OLD)
    path.chmod(0o640)
    return path


def lying_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def undo(path: Path) -> Path:
    file = read_file(path)
    backup = newest_backup(file)
    restore(file, backup)
    return backup.path


def test_a_file_is_written_with_a_backup_and_restored(config: Path) -> None:
    backup = write_file(read_file(config), NEW)
    assert lying_in(config.parent) == {"assistant.yaml": NEW, "assistant.yaml.ttsdash-backup": OLD}
    assert {path.stat().st_mode & 0o7777 for path in (config, backup)} == {0o640}
    config.chmod(0o600)
    assert undo(config) == backup
    assert lying_in(config.parent) == {"assistant.yaml": OLD}
    assert config.stat().st_mode & 0o7777 == 0o600


def test_backups_are_a_stack_and_never_overwritten(config: Path) -> None:
    for content in (b"b", b"c", b"d"):
        write_file(read_file(config), content)
    name = "assistant.yaml.ttsdash-backup"
    assert lying_in(config.parent) == {config.name: b"d", name: OLD, f"{name}-2": b"b", f"{name}-3": b"c"}
    (config.parent / name).unlink()
    (config.parent / f"{name}-12").mkdir()
    assert write_file(read_file(config), b"e").name == f"{name}-13"
    assert [undo(config).name for _ in range(3)] == [f"{name}-13", f"{name}-3", f"{name}-2"]
    assert config.read_bytes() == b"b"
    with pytest.raises(NotFound, match=f"{config} differs from it: there is nothing to undo"):
        undo(config)


def test_a_file_that_the_user_restored_gets_no_second_backup(config: Path) -> None:
    first = write_file(read_file(config), NEW)
    config.write_bytes(OLD)
    assert write_file(read_file(config), NEW) == first
    assert undo(config) == first
    assert lying_in(config.parent) == {"assistant.yaml": OLD}


def test_a_link_stays_and_its_target_is_written(config: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(config)
    backup = write_file(read_file(link), NEW)
    assert (link.is_symlink(), config.read_bytes(), backup.parent) == (True, NEW, config.parent)
    undo(link)
    assert (link.is_symlink(), config.read_bytes()) == (True, OLD)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: None, "does not exist: check the path"),
        (lambda path: path.mkdir(), "is a folder: name the YAML file in it"),
        (os.mkfifo, "is not a regular file: name the assistant's YAML file"),
        (lambda path: path.symlink_to(path), "cannot read"),
        (lambda path: path.symlink_to("nowhere"), "does not exist"),
        (lambda path: path.write_bytes(b"#" * 5_000_001), "is larger than 5 MB"),
        (lambda path: path.write_bytes(b"a: \xff"), "is not UTF-8 (byte 3): save it as UTF-8"),
        (lambda path: path.write_bytes("a: 1".encode("utf-16")), "is not UTF-8 (byte 0)"),
    ],
)
def test_an_invalid_configuration_path_is_refused(make: Callable[[Path], None], expected: str, tmp_path: Path) -> None:
    path = tmp_path / "assistant.yaml"
    make(path)
    assert expected in refusal(lambda: read_file(path).text, names=path)


@pytest.mark.skipif(_AS_ROOT, reason="root may read everything")
def test_an_unreadable_file_is_refused(config: Path) -> None:
    config.chmod(0)
    assert "cannot read" in refusal(read_file, config, names=config)


def test_a_name_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(InvalidInput, match="has a name that is not UTF-8: rename it"):
        read_file(Path("/tmp/\udcff.yaml"))


@pytest.mark.parametrize("late", [False, True], ids=["before", "just before the rename"])
@pytest.mark.parametrize(
    ("change", "left"),
    [(lambda path: path.write_bytes(b"mine"), {"assistant.yaml": b"mine"}), (lambda path: path.unlink(True), {})],
    ids=["changed", "removed"],
)
def test_a_file_that_has_changed_since_it_was_read_is_not_written(
    change: Callable[[Path], None], left: dict[str, bytes], late: bool, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = read_file(config)
    if late:
        # The folder of the backup is flushed right before the file is written.
        monkeypatch.setattr(files, "flush_folder", lambda _: change(config))
    else:
        change(config)
    with pytest.raises((TtsdashError, FileNotFoundError)):
        write_file(file, NEW)
    assert lying_in(config.parent) == left


def test_a_link_with_another_target_counts_as_a_change(config: Path, tmp_path: Path) -> None:
    link, other = tmp_path / "link.yaml", tmp_path / "other.yaml"
    link.symlink_to(config)
    other.write_bytes(OLD)
    file = read_file(link)
    link.unlink()
    link.symlink_to(other)
    with pytest.raises(TtsdashError, match=f"{link} has changed since it was read and was not written: try again"):
        write_file(file, NEW)
    assert (config.read_bytes(), other.read_bytes()) == (OLD, OLD)


def test_two_processes_do_not_write_at_once(config: Path) -> None:
    file = read_file(config)
    with config.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(TtsdashError, match="is locked by another process: try again"):
            write_file(file, NEW)
    assert lying_in(config.parent) == {"assistant.yaml": OLD}


def test_a_read_only_file_is_not_written(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "is not writable" in refusal(write_file, read_file(config), NEW, names=config)
    assert lying_in(config.parent) == {"assistant.yaml": OLD}


@pytest.mark.skipif(not _AS_ROOT, reason="only root can give files away")
def test_the_owner_stays(config: Path) -> None:
    os.chown(config, 12345, 54321)
    backup = write_file(read_file(config), NEW)
    assert {(path.stat().st_uid, path.stat().st_gid) for path in (config, backup)} == {(12345, 54321)}
    undo(config)
    assert (config.stat().st_uid, config.stat().st_mode & 0o7777) == (12345, 0o640)


def test_nothing_is_written_if_the_owner_cannot_be_preserved(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    class Other:
        st_uid, st_gid = 1, 2

    monkeypatch.setattr(os, "fstat", lambda _: Other)
    monkeypatch.setattr(os, "fchown", refuse)
    expected = refusal(write_file, read_file(config), NEW, names=config)
    assert expected.endswith("which cannot be preserved: run this command as its owner")
    assert lying_in(config.parent) == {"assistant.yaml": OLD}


# Kills itself right before its k-th change to the file system; exit code 0 if there were fewer.
_KILLED = """
import os, sys
from pathlib import Path
from core.assistant.file import newest_backup, read_file, restore, write_file
path, action, k = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
def count(event, _):
    global k
    if event == "open" or event.startswith(("os.", "fcntl.")):
        k -= 1
        if k == 0:
            os._exit(9)
file = read_file(path)
backup = newest_backup(file) if action == "undo" else None
sys.addaudithook(count)
restore(file, backup) if backup else write_file(file, sys.stdin.buffer.read())
os._exit(0)
"""


def survives(action: str, config: Path, k: int) -> bool:
    """Return whether a process that is to be killed at its k-th event ended before that."""
    command = [sys.executable, "-S", "-c", _KILLED, config, action, str(k)]
    done = subprocess.run(command, input=NEW, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, check=False)
    assert done.returncode in (0, 9)
    return done.returncode == 0


@pytest.mark.parametrize("action", ["apply", "undo"])
def test_a_process_that_is_killed_anywhere_leaves_the_old_or_the_new_file_and_an_undo(
    action: str, config: Path
) -> None:
    outcomes, k, ended = [], 0, False
    while not ended:
        k += 1
        for path in config.parent.iterdir():
            path.unlink()
        config.write_bytes(OLD)
        config.chmod(0o640)
        if action == "undo":
            write_file(read_file(config), NEW)
        ended = survives(action, config, k)
        outcomes.append(config.read_bytes())
        assert config.stat().st_mode & 0o7777 == 0o640
        # What is left over prevents neither applying (again) nor undoing it.
        if config.read_bytes() == OLD:
            write_file(read_file(config), NEW)
        undo(config)
        assert config.read_bytes() == OLD
        assert [name for name in lying_in(config.parent) if not name.startswith(".")] == [config.name]
    first, last = (OLD, NEW) if action == "apply" else (NEW, OLD)
    assert set(outcomes) == {first, last}
    assert outcomes == sorted(outcomes, key=[first, last].index)
    assert k > 10
