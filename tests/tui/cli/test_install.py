"""`ttsdash worker install` and `uninstall`: what they print, and how they end; and the word to who logs out.

Commands that write down how they are called stand in for systemd's, a folder for the root of a machine that it runs.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from core.doctor.logout import check_logout
from core.workspace import Workspace
from jobs.lock import running_worker
from jobs.service.install import service_for
from jobs.service.service import service_name
from tests.jobs.stand_ins import called, calls, failing, machine, stand_in
from tests.running import environment, refused, ttsdash
from tests.schemas import check
from tui.cli.app import run as run_program

__all__ = ["calls", "machine"]

Call = Callable[..., subprocess.CompletedProcess[str]]

PROGRAM = """
import sys
from functools import partial
from pathlib import Path
from tui.cli import main, service
service.service_for = partial(service.service_for, platform="linux", root=Path(sys.argv.pop(1)))
main()
"""


def on_machine(machine: Path, workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a whole process, whose machine has that root."""
    return subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, str(machine), "worker", *arguments],
        capture_output=True,
        text=True,
        env=environment(workspace),
        timeout=60,
        check=False,
    )


@pytest.fixture
def call(
    workspace: Workspace,
    machine: Path,
    calls: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """Runs `ttsdash worker` in this process, on that machine."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        code = run_program(["worker", *map(str, arguments)])
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    monkeypatch.setenv("TTSDASH_HOME", str(workspace.root))
    monkeypatch.setattr("tui.cli.service.service_for", partial(service_for, platform="linux", root=machine))
    monkeypatch.setattr("tui.cli.service.check_logout", partial(check_logout, root=machine))
    return run


@pytest.fixture
def unit(workspace: Workspace, tmp_path: Path) -> Path:
    return tmp_path / "home" / "config" / "systemd" / "user" / f"{service_name(workspace)}.service"


def test_a_dry_run_shows_the_steps_that_install_takes_and_uninstall_reverts(
    workspace: Workspace, machine: Path, calls: Path, unit: Path
) -> None:
    looked = on_machine(machine, workspace, "install", "--slots", "2", "--dry-run")
    assert (looked.returncode, looked.stderr, called(calls), unit.exists()) == (0, "", [], False)
    assert not workspace.data_db.exists()
    done = on_machine(machine, workspace, "install", "--slots", "2")
    assert (done.returncode, done.stderr) == (0, "")
    *steps, last = done.stdout.splitlines()
    assert steps[0] == f"write {unit}"
    assert steps[1:] == [f"run {command}" for command in called(calls)]
    assert last == f"the worker of {workspace.root} starts with the machine and keeps running when you log out"
    content = [f"    {line}".rstrip() for line in unit.read_text().splitlines()]
    shown = [line.rstrip() for line in looked.stdout.splitlines()]
    assert shown == [steps[0], *content, *steps[1:], "nothing was done (--dry-run)"]

    name = unit.stem
    looked = on_machine(machine, workspace, "uninstall", "--dry-run")
    assert (called(calls), unit.exists()) == ([], True)
    done = on_machine(machine, workspace, "uninstall")
    assert called(calls) == [f"systemctl --user disable --now {name}", "systemctl --user daemon-reload"]
    assert done.stdout.splitlines() == [
        *looked.stdout.splitlines()[:-1],
        f"the worker of {workspace.root} was removed; lingering stays enabled (turn it off with `loginctl disable-linger`)",
    ]
    assert (done.returncode, unit.exists()) == (0, False)


def test_json_output_has_no_other_lines(call: Call, calls: Path, unit: Path) -> None:
    looked, done = call("install", "--dry-run", "--json"), call("install", "--json")
    answer = json.loads(done.stdout)
    assert answer == {"name": unit.stem, "file": str(unit), "commands": called(calls), "done": True}
    assert len(answer["commands"]) == 3
    check(answer, "service")
    assert json.loads(looked.stdout) == answer | {"done": False}
    removed = json.loads(call("uninstall", "--json").stdout)
    assert removed == answer | {"commands": called(calls)}
    assert json.loads(call("uninstall", "--json").stdout) == answer | {"commands": []}


def test_removing_a_missing_service_is_not_an_error(call: Call, calls: Path, workspace: Workspace) -> None:
    for options in ([], ["--dry-run"]):
        done = call("uninstall", *options)
        assert (done.returncode, done.stdout) == (0, f"the worker of {workspace.root} is not installed\n")
    assert called(calls) == []


def test_a_step_that_fails_is_the_last_line_and_exit_code_1(
    call: Call, calls: Path, unit: Path, tmp_path: Path
) -> None:
    stand_in(tmp_path, "systemctl", failing("daemon-reload", 1, "Failed to connect to bus\\n"))
    done = call("install")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [f"write {unit}", "run systemctl --user daemon-reload", f"remove {unit}"]
    assert done.stderr.startswith(
        "ttsdash: `systemctl --user daemon-reload` failed with exit code 1 (Failed to connect to bus): log in as "
    )
    assert refused(call("install", "--json"), 1) == done.stderr.strip().removeprefix("ttsdash: ")


def test_an_unusable_store_is_reported_before_anything_is_done(call: Call, calls: Path, workspace: Workspace) -> None:
    workspace.data_db.write_bytes(b"nothing of ours" * 100)
    assert str(workspace.data_db) in refused(call("install"), 2)
    assert called(calls) == []


def test_without_systemd_the_message_names_an_alternative(workspace: Workspace, calls: Path, tmp_path: Path) -> None:
    expected = refused(on_machine(tmp_path / "container", workspace, "install"), 1)
    assert expected.startswith(
        "systemd does not run on this machine: use `ttsdash worker start`, or have your own supervisor run "
    )
    assert called(calls) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["install", "--slots", "0"], "Invalid value for '--slots'"),
        (["install", "now"], "Got unexpected extra argument (now)"),
        (["uninstall", "--slots", "1"], "No such option"),
    ],
)
def test_bad_usage_is_one_line(arguments: list[str], expected: str, call: Call) -> None:
    assert refused(call(*arguments), 2).startswith(expected)


def test_a_workspace_that_a_service_cannot_name_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    expected = refused(ttsdash(workspace, "--home", tmp_path / "a\x07b", "worker", "install"), 2)
    assert expected.startswith(f"{tmp_path}/a\\x07b has a character in its name")


def test_starting_a_worker_that_logging_out_ends_prints_a_warning(
    call: Call, machine: Path, workspace: Workspace, tmp_path: Path
) -> None:
    logind = machine / "etc" / "systemd" / "logind.conf"
    logind.parent.mkdir(parents=True)
    logind.write_text("[Login]\nKillUserProcesses=yes\nKillExcludeUsers=nobody\n")
    evil = tmp_path / "evil\x1b[2J"
    done = call("start", "--home", evil, "--json")
    call("stop", "--home", evil)
    assert json.loads(done.stdout)["running"]
    (line,) = done.stderr.splitlines()
    program = f"ttsdash --home '{tmp_path}/evil\\x1b[2J' worker"
    assert line == (
        "ttsdash: logging out ends the worker: it belongs to the session, and logind.conf has KillUserProcesses=yes: "
        f"{program} stop && {program} install"
    )

    assert call("start").stderr.endswith(": ttsdash worker stop && ttsdash worker install\n")
    again = call("start")
    assert (again.stderr, again.stdout.split(",")[0]) == ("", "worker already running")
    call("stop")
    logind.unlink()
    assert call("start").stderr == ""
    assert running_worker(workspace)
