"""Commands that are called in the process of the test, and jobs for them."""

import os
import sqlite3
import subprocess

import pytest

from core.records.voices import Voice
from core.workspace import Workspace
from tests.tui.cli.job_queue import Call, Queue
from tests.tui.conftest import announce
from tui.cli.app import run as run_program


@pytest.fixture
def call(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command in this process, which stands for a worker that starts nothing."""
    announce(workspace, os.getpid())
    monkeypatch.setenv("TTSDASH_HOME", str(workspace.root))

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        code = run_program([*map(str, arguments)])
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    return run


@pytest.fixture
def queue(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> Queue:
    return Queue(workspace, db, voice)
