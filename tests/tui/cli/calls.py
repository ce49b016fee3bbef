"""A call of each command, and a workspace where all of them can be done."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.export.write import export
from core.store.database import open_store
from core.voices.file import read_voice
from core.workspace import Workspace
from tests.factories import add_voice
from tests.tui.conftest import announce
from tests.vits import write_voice

# Jobs of the workspace `used`.
DONE, FAILED, RUNNING, QUEUED = 1, 3, 5, 6
CALLS = {
    "apply": "CONFIG --dry-run",
    "benchmark": "tiny",
    "doctor": "",
    "jobs cancel": f"{QUEUED}",
    "jobs clean": "--yes",
    "jobs edit": f"{QUEUED} --priority 1",
    "jobs list": "",
    "jobs logs": f"{DONE}",
    "jobs move": f"{QUEUED} --first",
    "jobs pause": "",
    "jobs resume": "",
    "jobs retry": f"{FAILED}",
    "jobs show": f"{DONE}",
    "jobs wait": f"{DONE}",
    "optimize": "--model VOICE --guide",
    "results check": "",
    "results compare": "original-1 dynamic-int8-guide-1",
    "results export": "--format html",
    "results import": "HISTORY",
    "results list": "",
    "results pareto": "en_US-joe-medium",
    "results prune": "--dry-run",
    "results show": "original-1",
    "results trend": "en_US-joe-medium",
    "select": "tiny",
    "serve": "--help",  # it runs until a signal ends it
    "speak": "hello --voice tiny --output spoken.wav",
    "voices add": "VOICE",
    "voices download": "en_US-there-low",  # more depends on the network
    "voices import": "--config CONFIG",
    "voices list": "",
    "voices remove": "--help",  # a second call would find nothing
    "voices rename": "tiny tiny",
    "voices show": "tiny",
    "voices verify": "tiny",
    "worker install": "--help",  # more depends on the machine
    "worker run": "",
    "worker start": "",
    "worker status": "",
    "worker stop": "--now",
    "worker uninstall": "--dry-run",
}
"""A call of each command that can be done in the workspace `used`."""


@pytest.fixture
def used(full: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The history of `full`, a voice that is really there, logs, and a worker that does nothing."""
    # What is left in a buffer fails once more, at exit.
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    voice = write_voice(Path("voices"))
    Path("assistant.yaml").write_text(f"models:\n  tts:\n    piper:\n      voice_path: {voice}\n")
    write_voice(full.voices, name="en_US-there-low")
    with closing(open_store(full)) as db:
        added = add_voice(db, read_voice(voice))
        # Of a voice that has none.
        Path("history.jsonl").write_text("".join(export(db, "jsonl", added.id)))
    for job in (DONE, RUNNING):
        full.job_log(job).write_text("one\ntwo\n")
    worker = subprocess.Popen(["sleep", "600"])
    announce(full, worker.pid)
    yield full
    worker.kill()
    worker.wait()


def words_of(call: str) -> list[str]:
    """Return the arguments of a call, with the names of the files in the workspace `used`."""
    named = {"VOICE": "voices/tiny.onnx", "CONFIG": "assistant.yaml", "HISTORY": "history.jsonl"}
    return [named.get(word, word) for word in call.split()]
