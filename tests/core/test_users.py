"""`core.users`: home folders that are unknown, folders of other users, and root in them."""

import os
import pwd
from pathlib import Path

import pytest

from core.doctor.finding import Finding, run_check
from core.doctor.workspace import check_location, check_workspace
from core.errors import InvalidInput, format_error
from core.files import atomic_write, mkdir_private
from core.store.database import open_store
from core.users import closed_folder, expand_home, home_folder, user_name
from core.workspace import Workspace, find_workspace

AS_ROOT = os.geteuid() == 0
SOMEBODY = 54321
needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root can give files away")


@pytest.fixture
def without_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as a user who has no account, as `docker run --user 12345` does."""

    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("TTSDASH_HOME", raising=False)


def set_home(home: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if home is None:
        monkeypatch.delenv("HOME", raising=False)
    else:
        monkeypatch.setenv("HOME", home)


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Return the home folder of another user, who has no account."""
    folder = tmp_path / "somebody"
    folder.mkdir()
    os.chown(folder, SOMEBODY, SOMEBODY)
    return folder


# Home folders


@pytest.mark.parametrize("home", [None, "", "me", "./me", "~"])
def test_a_home_that_is_not_absolute_is_that_of_the_account(home: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    set_home(home, monkeypatch)
    assert home_folder() == Path(pwd.getpwuid(os.getuid()).pw_dir)


@pytest.mark.usefixtures("without_account")
@pytest.mark.parametrize(
    ("home", "why"), [(None, "HOME is not set"), ("", "HOME is empty"), ("me", "HOME is not an absolute path")]
)
def test_without_a_home_folder_the_error_names_the_reason_and_home(
    home: str | None, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_home(home, monkeypatch)
    assert home_folder() is None
    with pytest.raises(InvalidInput, match=rf"{why}, and uid {os.getuid()} has no account\): use --home DIR"):
        find_workspace(start=tmp_path)
    monkeypatch.setenv("TTSDASH_HOME", "~/tts")
    with pytest.raises(InvalidInput, match=rf"TTSDASH_HOME: ~/tts: .*{why}.* --home DIR"):
        find_workspace(start=tmp_path)
    assert find_workspace(tmp_path / "named").root == tmp_path / "named"


@pytest.mark.usefixtures("without_account")
def test_a_data_directory_is_used_without_a_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_home(None, monkeypatch)
    if os.uname().sysname == "Linux":
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        assert find_workspace(start=tmp_path).root == tmp_path / "data" / "ttsdash"


def test_the_home_folder_of_an_unknown_user_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no user 'no-such-user'"):
        expand_home(Path("~no-such-user/voices"))
    with pytest.raises(InvalidInput, match=r"--home: ~no-such-user: .*\./~no-such-user"):
        find_workspace("~no-such-user")


def test_only_a_tilde_at_the_start_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/me")
    paths = {"~": "/me", "~/a/b": "/me/a/b", "a/~": "a/~", "": ".", "/~/a": "/~/a"}
    assert {text: str(expand_home(Path(text))) for text in paths} == paths


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InvalidInput, match="--home"):
        find_workspace(tmp_path / "loop").prepare()


def test_a_working_directory_that_was_removed_is_no_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert find_workspace().root.name == "ttsdash"
    assert find_workspace(tmp_path / "named").root == tmp_path / "named"
    with pytest.raises(InvalidInput, match="--home DIR with an absolute path"):
        find_workspace("relative")
    with pytest.raises(FileNotFoundError) as caught:
        Path("relative").absolute()
    assert format_error(caught.value) == "the working directory was removed: change to another folder"


def test_a_uid_without_an_account_stands_for_the_name() -> None:
    assert user_name(SOMEBODY) == str(SOMEBODY)


# Root in another user's folders


@needs_root
@pytest.mark.parametrize("below", ["workspace", ".local/share/ttsdash"])
def test_root_makes_no_workspace_in_the_folder_of_a_user(below: str, foreign: Path) -> None:
    with pytest.raises(InvalidInput, match=rf"{foreign} belongs to uid {SOMEBODY}.*--home DIR"):
        open_store(Workspace(foreign / below))
    assert list(foreign.iterdir()) == []


@needs_root
def test_root_does_not_work_in_the_workspace_of_a_user(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    open_store(workspace).close()
    os.chown(workspace.root, SOMEBODY, -1)
    with pytest.raises(InvalidInput, match=f"{workspace.root} belongs to uid {SOMEBODY}"):
        open_store(workspace)


@needs_root
def test_root_makes_no_folder_in_the_folder_of_a_user(foreign: Path) -> None:
    """`sudo --preserve-env=HOME ttsdash worker install` must not lock ~/.config."""
    with pytest.raises(InvalidInput, match="run ttsdash as"):
        mkdir_private(foreign / ".config" / "systemd")
    assert list(foreign.iterdir()) == []


@needs_root
def test_the_owner_of_the_folder_owns_a_file_that_root_writes_there(foreign: Path, tmp_path: Path) -> None:
    for folder, owner in ((foreign, SOMEBODY), (tmp_path, 0)):
        with atomic_write(folder / "file") as stream:
            stream.write(b"text")
        assert (folder / "file").stat().st_uid == owner


@needs_root
def test_the_doctor_advises_root_to_leave_a_workspace_to_its_owner(foreign: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    open_store(workspace).close()
    os.chown(workspace.root, SOMEBODY, -1)
    found = [*check_location(Workspace(foreign / "new")), *check_workspace(workspace)]
    problems = [finding for finding in found if finding.state == "problem"]
    assert len(problems) == 2
    assert all(str(SOMEBODY) in finding.message for finding in problems)
    assert {str(finding.fix).partition(",")[0] for finding in problems} == {f"run ttsdash as uid {SOMEBODY}"}


# Folders that may not be entered


def test_the_first_closed_folder_on_the_way_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed" / "below").mkdir(parents=True)
    really = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path / "closed" and really(path, mode))
    assert closed_folder(tmp_path / "closed" / "below" / "file") == tmp_path / "closed"
    assert closed_folder(tmp_path / "closed") is None
    assert closed_folder(tmp_path / "missing" / "below" / "file") is None


def test_what_may_not_be_read_is_a_finding_about_the_file_not_a_bug_to_report(tmp_path: Path) -> None:
    def produce() -> list[Finding]:
        raise PermissionError(13, "Permission denied", str(tmp_path / "a file"))

    (found,) = run_check("files", produce)
    assert found.message == f"it cannot be checked: Permission denied ({tmp_path / 'a file'}): check its permissions"
    assert found.fix == f"ls -ld '{tmp_path / 'a file'}'"
