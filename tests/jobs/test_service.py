"""The worker as a service. Tests cannot use systemd and launchd: fake commands that record their arguments replace
theirs, and a temporary folder replaces the root directory of a machine with systemd."""

import os
import plistlib
import re
import signal
import subprocess
from pathlib import Path

import platformdirs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.errors import InvalidInput, TtsdashError
from core.workspace import Workspace
from jobs.lock import running_worker
from jobs.service.install import plan_install, plan_uninstall, service_for
from jobs.service.service import SERVICE_VARIABLE, Service, service_name
from jobs.service.steps import Command, Plan, RemoveFile, WriteFile, execute
from jobs.service.systemd import unit
from jobs.worker_control import start_worker
from tests.jobs.stand_ins import called, calls, failing, machine, stand_in
from tests.waiting import wait_until

__all__ = ["calls", "machine"]

HOSTILE = 'wöd %h $HOME ${USER} $$ "it\'s" a\\b; \\'


def install(workspace: Workspace, service: Service) -> list[str]:
    """Install a service and return the printed lines."""
    lines: list[str] = []
    execute(plan_install(workspace, service), lines.append)
    return lines


# --- names and files ---


def test_every_workspace_has_its_own_service_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert service_name(Workspace(Path(platformdirs.user_data_dir("ttsdash", appauthor=False)))) == "ttsdash"
    paths = ["/srv/voices", "/home/amy/voices", "/srv/Amy's Vöices!", "/", "/ü", "/srv/" + "long-" * 50]
    names = [service_name(Workspace(Path(path))) for path in paths]
    assert len(set(names)) == len(paths)
    assert [re.fullmatch(r"ttsdash(-[a-z0-9]+)*-[0-9a-f]{6}", name) is not None for name in names] == [True] * 6
    assert max(map(len, names)) < 40
    assert names[0].startswith("ttsdash-voices-")
    assert names[2].startswith("ttsdash-amy-s-v-ices-")


def read_unit(text: str) -> dict[str, str]:
    """Parse the settings of a unit, with lines as in systemd.syntax(7)."""
    lines = [line for line in text.split("\n") if line and line[0] not in "#["]
    assert not any(line.endswith("\\") for line in lines), "the line would continue on the next one"
    return {key: value.strip(" \t") for key, _, value in (line.partition("=") for line in lines)}


def read_words(command: str) -> list[str]:
    """Split a command line: quotes and escapes as in systemd.syntax(7), % and $ as in systemd.service(5)."""
    words, word, quoted = [], "", False
    pieces = re.findall(r"\\.|%.|\$.|.", command + " ", re.DOTALL)
    for piece in pieces:
        if piece == '"':
            quoted = not quoted
        elif piece == " " and not quoted:
            words.append(word)
            word = ""
        elif len(piece) == 1:
            assert piece not in "\\%$"
            word += piece
        else:
            assert piece in ("\\\\", '\\"', "%%", "$$"), piece
            word += piece[1]
    assert not quoted
    return words


def read_folder(text: str) -> Path:
    """Parse a path, in which only % is special: systemd.exec(5)."""
    assert text.replace("%%", "").count("%") == 0
    return Path(text.replace("%%", "%"))


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1))
@example(HOSTILE)
@example(" ends with a space ")
def test_a_unit_can_name_a_workspace_with_any_characters_in_its_path(name: str) -> None:
    folder = f"/srv/{name}"
    parsed = read_unit(unit("n", ("/usr/bin/python 3", "-m", "jobs.worker", folder), Path(folder)))
    assert read_words(parsed["ExecStart"]) == ["/usr/bin/python 3", "-m", "jobs.worker", folder]
    assert read_folder(parsed["WorkingDirectory"]) == Path(folder)


def test_the_systemd_unit_has_the_required_settings() -> None:
    parsed = read_unit(unit("ttsdash", ("/usr/bin/python3", "-m", "jobs.worker", "/srv/a"), Path("/srv/a")))
    expected = {
        "ExecStart": "/usr/bin/python3 -m jobs.worker /srv/a",
        "Environment": "PYTHONUTF8=1 TTSDASH_SERVICE=ttsdash",
        "Restart": "on-failure",
        "RestartPreventExitStatus": "3",
        "KillMode": "mixed",
        "WantedBy": "default.target",
    }
    assert {key: parsed[key] for key in expected} == expected


def test_the_launchd_agent_has_the_required_settings(calls: Path, tmp_path: Path) -> None:
    service = service_for(Workspace(tmp_path / HOSTILE), slots=2, platform="darwin")
    agent = plistlib.loads(service.content)
    assert service.file == tmp_path / "home" / "Library" / "LaunchAgents" / f"org.ttsdash.{service.name}.plist"
    assert agent["Label"] == service.file.stem
    assert agent["ProgramArguments"] == list(service.command)
    assert service.command[-3:] == (str(tmp_path / HOSTILE), "--slots", "2")
    assert agent["WorkingDirectory"] == str(tmp_path / HOSTILE)
    assert agent["EnvironmentVariables"] == {"PYTHONUTF8": "1", SERVICE_VARIABLE: service.name}
    assert (agent["RunAtLoad"], agent["KeepAlive"]) == (True, {"SuccessfulExit": False})
    assert agent["ProcessType"] == "Interactive"


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("name", ["a\nb", "a\x07b", "a\x85b", os.fsdecode(b"a\xff")])
def test_a_workspace_path_that_a_service_definition_cannot_contain_is_refused(name: str, platform: str) -> None:
    with pytest.raises(InvalidInput, match="has a character in its name that a service definition cannot contain"):
        service_for(Workspace(Path("/srv") / name), platform=platform)


def test_an_interpreter_path_that_a_unit_cannot_contain_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^/opt/\$x/python has a \$ in its path"):
        unit("ttsdash", ("/opt/$x/python",), Path("/srv"))


# --- installing ---


def test_on_linux_the_service_is_enabled_and_restarted_when_needed(
    workspace: Workspace, machine: Path, calls: Path, tmp_path: Path
) -> None:
    service = service_for(workspace, platform="linux", root=machine)
    reload, enable = "systemctl --user daemon-reload", f"systemctl --user enable --now {service.name}"
    commands = [reload, enable, "loginctl enable-linger"]
    assert service.file == tmp_path / "home" / "config" / "systemd" / "user" / f"{service.name}.service"
    lines = install(workspace, service)
    assert called(calls) == commands
    assert lines == [f"write {service.file}", *(f"run {command}" for command in commands)]
    assert service.file.read_bytes() == service.content
    assert list(service.file.parent.iterdir()) == [service.file]
    assert service.file.stat().st_mode & 0o777 == 0o600

    other = service_for(workspace, slots=3, platform="linux", root=machine)
    restart = f"systemctl --user restart {service.name}"
    assert install(workspace, other)[0] == f"write {service.file}"
    assert called(calls) == [reload, restart, enable, "loginctl enable-linger"]
    assert b" --slots 3\n" in service.file.read_bytes()
    # The unit is unchanged, but its worker is not running, so the service is restarted.
    assert install(workspace, other)[0] == f"run {reload}"
    assert called(calls) == [reload, restart, enable, "loginctl enable-linger"]


def test_lingering_is_not_enabled_twice(workspace: Workspace, machine: Path, calls: Path) -> None:
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    (machine / "var" / "lib" / "systemd" / "linger").mkdir(parents=True)
    (machine / "var" / "lib" / "systemd" / "linger" / user).touch()
    install(workspace, service_for(workspace, platform="linux", root=machine))
    assert [call.split()[0] for call in called(calls)] == ["systemctl", "systemctl"]


def test_on_macos_a_loaded_agent_is_booted_out_first(
    workspace: Workspace, calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_for(workspace, platform="darwin")
    domain = f"gui/{os.getuid()}"
    bootout, bootstrap = (
        f"launchctl bootout {domain}/org.ttsdash.{service.name}",
        f"launchctl bootstrap {domain} {service.file}",
    )
    stand_in(tmp_path, "launchctl", failing("bootout", 113))
    assert install(workspace, service) == [f"write {service.file}", f"run {bootout}", f"run {bootstrap}"]
    assert called(calls) == [bootout, bootstrap]
    # The command is repeated while the old agent is still ending.
    stand_in(tmp_path, "launchctl", f'case "$*" in bootout*) mkdir "{tmp_path}/ending" && exit 36; exit 3;; esac')
    install(workspace, service_for(workspace, slots=3, platform="darwin"))
    assert called(calls) == [bootout, bootout, bootstrap]
    execute(plan_uninstall(service), lambda _: None)
    assert (called(calls), service.file.exists()) == ([bootout], False)


def test_a_worker_started_by_hand_blocks_the_installation_but_the_service_worker_does_not(
    workspace: Workspace, machine: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linux = service_for(workspace, platform="linux", root=machine)
    macos = service_for(workspace, platform="darwin")
    for service in (linux, macos):
        WriteFile(service.file, service.content).do()
    by_hand, _ = start_worker(workspace)
    for service in (linux, macos):
        with pytest.raises(
            TtsdashError, match=rf"^a worker is already running \(pid {by_hand.pid}\): run `ttsdash worker stop`"
        ):
            plan_install(workspace, service)
    os.kill(by_hand.pid, signal.SIGKILL)
    wait_until(lambda: running_worker(workspace) is None)

    start_from_unit(linux)
    wait_until(lambda: running_worker(workspace))
    assert plan_install(workspace, linux).steps == linux.start
    assert plan_install(workspace, macos).steps == ()


def start_from_unit(service: Service) -> subprocess.Popen[bytes]:
    """Start the worker as systemd would with this unit."""
    parsed = read_unit(service.content.decode())
    return subprocess.Popen(
        read_words(parsed["ExecStart"]),
        cwd=read_folder(parsed["WorkingDirectory"]),
        env=os.environ | dict(variable.split("=") for variable in parsed["Environment"].split()),
        start_new_session=True,
    )


def test_the_command_of_the_unit_starts_a_worker_in_a_folder_with_any_name(tmp_path: Path, machine: Path) -> None:
    workspace = Workspace(tmp_path / HOSTILE)
    workspace.prepare()
    process = start_from_unit(service_for(workspace, slots=3, platform="linux", root=machine))
    info = wait_until(lambda: running_worker(workspace))
    process.kill()
    process.wait()
    assert (info.pid, info.slots) == (process.pid, 3)


# --- failing ---

NO_BUS = "Failed to connect to bus: No medium found\\nmore"
LINKED = "Created symlink /a → /b.\\nJob for it failed.\\nSee more.\\n"


@pytest.mark.parametrize(
    ("command", "call", "code", "stderr", "message", "undo"),
    [
        ("systemctl", "daemon-reload", 1, NO_BUS, "(Failed to connect to bus: No medium found): log in as ", []),
        (
            "systemctl",
            "enable",
            5,
            LINKED,
            "failed with exit code 5 (Job for it failed.): see `journalctl",
            ["disable", "reload"],
        ),
        ("loginctl", "", 1, "", "enable-linger` failed with exit code 1: ask an administrator", ["disable", "reload"]),
    ],
)
def test_a_failed_step_leaves_nothing_installed(
    command: str,
    call: str,
    code: int,
    stderr: str,
    message: str,
    undo: list[str],
    workspace: Workspace,
    machine: Path,
    calls: Path,
    tmp_path: Path,
) -> None:
    service = service_for(workspace, platform="linux", root=machine)
    stand_in(tmp_path, command, failing(call, code, stderr))
    with pytest.raises(TtsdashError) as caught:
        install(workspace, service)
    error = str(caught.value)
    assert message in error
    assert error.endswith(f"; {service.file} was removed again")
    assert list(service.file.parent.iterdir()) == []
    all_calls = called(calls)
    failed = next(
        number for number, recorded in enumerate(all_calls) if recorded.startswith(command) and call in recorded
    )
    undo_calls = all_calls[failed + 1 :]
    assert len(undo_calls) == len(undo)
    assert all(part in recorded for part, recorded in zip(undo, undo_calls, strict=True))


def test_a_failed_step_restores_the_previous_installation(
    workspace: Workspace, machine: Path, calls: Path, tmp_path: Path
) -> None:
    before = service_for(workspace, platform="linux", root=machine)
    install(workspace, before)
    called(calls)
    stand_in(tmp_path, "systemctl", failing("restart", 1, "no"))
    lines: list[str] = []
    plan = plan_install(workspace, service_for(workspace, slots=3, platform="linux", root=machine))
    with pytest.raises(TtsdashError, match=rf"`systemctl --user restart .*{before.file} was restored$"):
        execute(plan, lines.append)
    assert before.file.read_bytes() == before.content
    assert lines[3] == f"write {before.file}"
    # A failure during the restoration is printed and does not stop it.
    assert [line.split(" failed")[0] for line in lines if "failed with" in line] == [f"`{before.restart[1].text}`"]
    assert lines[-1] == "run loginctl enable-linger"


def test_a_missing_command_is_reported_in_one_line(
    workspace: Workspace, machine: Path, calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_for(workspace, platform="linux", root=machine)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(
        TtsdashError,
        match=r"^cannot run `systemctl --user daemon-reload` .*No such file.*: log in.* was removed again$",
    ):
        install(workspace, service)
    assert not service.file.exists()


def test_an_interrupted_installation_leaves_nothing_behind(tmp_path: Path) -> None:
    class Interrupted(Command):
        def do(self) -> None:
            raise KeyboardInterrupt

    write, remove = WriteFile(tmp_path / "a", b"a"), RemoveFile(tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        execute(Plan((write, Interrupted(("x",), "")), remove), lambda _: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["in the way", "a file/unit"])
def test_a_file_that_cannot_be_written_leaves_nothing_and_runs_no_command(
    target: str, tmp_path: Path, calls: Path
) -> None:
    (tmp_path / "in the way").mkdir()
    (tmp_path / "a file").touch()
    plan = Plan((WriteFile(tmp_path / target, b"a"), Command(("systemctl",), "")), RemoveFile(tmp_path / target))
    with pytest.raises(OSError, match=target.partition("/")[0]):
        execute(plan, lambda _: None)
    assert called(calls) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a file", "bin", "in the way"]


def test_without_systemd_the_error_names_the_alternatives(workspace: Workspace, calls: Path, tmp_path: Path) -> None:
    service = service_for(workspace, platform="linux", root=tmp_path / "container")
    with pytest.raises(TtsdashError) as caught:
        plan_install(workspace, service)
    assert "use `ttsdash worker start`" in str(caught.value)
    assert str(caught.value).endswith(f" -P -m jobs.worker {workspace.root}")
    assert plan_uninstall(service) == Plan(())
    WriteFile(service.file, b"").do()
    with pytest.raises(TtsdashError, match=f"^systemd does not run on this machine: remove {service.file} by hand$"):
        plan_uninstall(service)


def test_a_service_that_cannot_be_stopped_stays_installed(
    workspace: Workspace, machine: Path, calls: Path, tmp_path: Path
) -> None:
    service = service_for(workspace, platform="linux", root=machine)
    install(workspace, service)
    stand_in(tmp_path, "systemctl", failing("disable"))
    with pytest.raises(TtsdashError, match="disable --now"):
        execute(plan_uninstall(service), lambda _: None)
    assert service.file.read_bytes() == service.content
