"""Nothing that ttsdash starts uses the network or leaves files in the user's home."""

import contextlib
import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from core.workspace import Workspace
from jobs.worker_control import stop_worker
from tests.network_guard import KILLED, forbid_network, is_available
from tests.running import COMMAND, environment
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent
UNWRITABLE = Path(os.devnull)
LOOK_UP = "import socket; socket.getaddrinfo('example.com', 443)"

needs_the_filter = pytest.mark.skipif(not is_available(), reason="the kernel has no such filter")
guard: Callable[[], None] | None = forbid_network if is_available() else None


def run(workspace: Workspace, home: Path, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command without a network, for a user with that home."""
    places = {"HOME": str(home)} | {
        f"XDG_{name}_HOME": str(home / f".{name}") for name in ("CACHE", "CONFIG", "DATA", "STATE")
    }
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment(workspace) | places | variables,
        preexec_fn=guard,
        timeout=240,
        check=False,
    )


@needs_the_filter
@pytest.mark.parametrize("code", ["import socket; socket.socket()", LOOK_UP])
def test_the_filter_kills_whoever_opens_a_socket(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], preexec_fn=forbid_network, check=False)
    assert done.returncode == KILLED


@pytest.mark.long
@pytest.mark.parametrize("writable", [True, False])
def test_making_and_measuring_variants_opens_no_socket_and_leaves_nothing_at_home(
    workspace: Workspace, voice_path: Path, tmp_path: Path, writable: bool
) -> None:
    home = tmp_path / "home" if writable else UNWRITABLE
    if writable:
        home.mkdir()
    wanted = ("--dynamic", "--coreml") if writable else ("--dynamic",)
    done = run(workspace, home, "optimize", "--model", voice_path, *wanted, "--benchmark", "--wait", "--json")
    stop_worker(workspace)
    assert done.returncode == 0, done.stderr
    assert {job["state"] for job in json.loads(done.stdout)["jobs"]} == {"succeeded"}
    logs = "".join(path.read_text() for path in workspace.logs.rglob("*.log"))
    assert "elemetry" not in logs + done.stderr
    assert not writable or list(home.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [["doctor"], ["voices", "list"], ["select", "tiny"], ["--help"]],
    ids=" ".join,
)
@pytest.mark.parametrize("home", ["home", UNWRITABLE])
def test_commands_print_nothing_on_standard_error(
    workspace: Workspace, voice_path: Path, tmp_path: Path, home: str | Path, arguments: list[str]
) -> None:
    place = tmp_path / home
    if place != UNWRITABLE:
        place.mkdir()
    assert run(workspace, place, "voices", "add", voice_path).stderr == ""
    done = run(workspace, place, *arguments)
    assert (done.stderr, done.returncode) == ("", 0)
    assert place == UNWRITABLE or list(place.iterdir()) == []


def test_the_dashboard_opens_no_socket_and_leaves_nothing_at_home(workspace: Workspace, tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    variables = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"), home)
    outside, inside = pty.openpty()
    termios.tcsetwinsize(inside, (100, 120))
    os.set_blocking(outside, False)
    program = subprocess.Popen(
        COMMAND,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env=environment(workspace) | variables | {"TERM": "xterm", "LINES": "100"},
        preexec_fn=guard,
    )
    shown = b""

    def sees(*words: bytes) -> bool:
        nonlocal shown
        with contextlib.suppress(BlockingIOError):
            shown += os.read(outside, 1 << 16)
        return all(word in shown for word in words)

    wait_until(lambda: sees(b"Voices"))
    os.write(outside, b"5")
    # The doctor has run a model in a separate process.
    wait_until(lambda: sees(b"runs an int8 model"), timeout=180)
    os.write(outside, b"q")
    wait_until(lambda: sees() and program.poll() is not None)
    assert program.returncode == 0
    assert b"elemetry" not in shown
    assert not (tmp_path / "home").exists()
    os.close(outside)
    os.close(inside)


MODULES = ["tui.cli.app", "jobs.worker", "jobs.job_main", "core.benchmark.probe_process", "core.hardware.detection"]


@pytest.mark.parametrize("module", MODULES)
def test_every_process_turns_telemetry_off_whatever_the_user_has_set(module: str) -> None:
    code = f"import sys; sys.modules['onnxruntime'] = None; import {module}, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    for setting in ({}, {"ORT_DISABLE_TELEMETRY": "0"}, {"ORT_DISABLE_TELEMETRY": ""}):
        variables = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=variables | setting, capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert done.stdout == "1\n"
