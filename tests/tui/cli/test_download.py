"""`ttsdash voices download` as a whole process, against a server in the place of the real one."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.workspace import Workspace
from tests.piper_collection import NAME, Collection, point_at, serving
from tests.running import COMMAND, environment, reset_signal_handlers, ttsdash, ttsdash_json


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collection]:
    made = Collection(tmp_path / "served", (NAME,))
    with serving(made) as address:
        point_at(address, monkeypatch)
        yield made


def test_a_voice_is_downloaded_into_the_workspace_and_registered(collection: Collection, workspace: Workspace) -> None:
    assert ttsdash_json(workspace, "voices", "download") == [NAME]
    done = ttsdash(workspace, "voices", "download", NAME)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{NAME}: ")
    assert done.stderr.splitlines()[-1].startswith(f"{NAME}: ")
    assert " of " in done.stderr
    again = ttsdash_json(workspace, "voices", "download", NAME)
    assert (again["voice"], again["path"]) == (NAME, str(workspace.voices / f"{NAME}.onnx"))


def test_a_program_reads_the_progress_as_json(collection: Collection, workspace: Workspace) -> None:
    done = ttsdash(workspace, "voices", "download", NAME, "--json")
    progress = [json.loads(line) for line in done.stderr.splitlines()]
    size = json.loads(done.stdout)["size_bytes"]
    assert progress[-1] == {"received": size, "total": size}


def start(workspace: Workspace) -> subprocess.Popen[bytes]:
    """A download of which one half has come."""
    process = subprocess.Popen(
        [*COMMAND, "voices", "download", NAME, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(workspace),
        preexec_fn=reset_signal_handlers,
    )
    assert process.stderr
    assert process.stderr.readline().startswith(b'{"received": ')
    assert [entry.name for entry in workspace.voices.iterdir()] == [".downloading"]
    return process


def test_a_download_whose_dashboard_was_killed_ends_and_leaves_nothing(
    collection: Collection, workspace: Workspace
) -> None:
    collection.go_on.clear()
    process = start(workspace)
    assert process.stderr
    process.stderr.close()
    collection.go_on.set()
    assert process.wait(20) == 0
    assert not list(workspace.voices.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_partial_files(collection: Collection, workspace: Workspace, number: int) -> None:
    collection.go_on.clear()
    process = start(workspace)
    process.send_signal(number)
    assert process.wait(10) == 128 + number
    assert not list(workspace.voices.iterdir())
    process.communicate()
    assert ttsdash_json(workspace, "voices", "list") == []
