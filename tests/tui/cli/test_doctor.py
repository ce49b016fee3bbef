"""`ttsdash doctor`: text, JSON and exit codes."""

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from core.doctor.finding import Finding
from core.records.voices import Voice
from core.store.database import open_store, transaction
from core.store.jobs import add_job
from core.voices.file import read_voice
from core.workspace import Workspace
from jobs import doctor as examination
from jobs.doctor import judge_worker
from jobs.lock import WorkerInfo
from jobs.submit import variant_job
from tests.factories import add_voice
from tests.running import ttsdash
from tests.vits import VitsShape, write_voice
from tui.cli.app import ttsdash as program


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the checks in subprocesses; one test runs them all."""
    for check in ("check_runtime", "check_machine", "check_phonemes"):
        monkeypatch.setattr(examination, check, lambda *_, check=check: [Finding(check, "ok", "skipped")])


def doctor(workspace: Workspace, *arguments: object) -> Result:
    return CliRunner().invoke(program, ["--home", str(workspace.root), "doctor", *map(str, arguments)])


def diagnosed(workspace: Workspace, *arguments: object) -> dict[tuple[str, str], Any]:
    """Return the findings by area and check."""
    done = doctor(workspace, *arguments, "--json")
    answer = json.loads(done.stdout)
    findings = answer["findings"]
    assert set(answer) == {"findings", "problems", "notes"}
    assert all(list(finding) == ["area", "check", "state", "message", "fix"] for finding in findings)
    counted = [sum(finding["state"] == state for finding in findings) for state in ("problem", "note")]
    assert counted == [answer["problems"], answer["notes"]]
    assert done.exit_code == (1 if answer["problems"] else 0)
    return {(finding["area"], finding["check"]): finding for finding in findings}


def test_without_problems_it_ends_with_0_and_one_line_per_check(workspace: Workspace, voice_path: Path) -> None:
    assert ttsdash(workspace, "voices", "add", voice_path).returncode == 0
    done = ttsdash(workspace, "doctor")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    *lines, last = done.stdout.splitlines()
    assert re.fullmatch(r"0 problems, \d+ notes?", last)
    areas = [line for line in lines if line and not line.startswith(" ")]
    assert areas == ["machine", "workspace", "worker", "voice tiny"]
    assert all(re.match(r"  (ok     |note   |PROBLEM)  \S|           → |\S|$", line) for line in lines)
    assert "\x1b" not in done.stdout
    for check in ("ONNX Runtime", "coremltools", "Core ML", "processor", "phonemes", "database", "files"):
        assert f"  {check} " in done.stdout


def test_the_doctor_creates_no_workspace(quick: None, tmp_path: Path) -> None:
    found = diagnosed(Workspace(tmp_path / "none"))
    assert {area for area, _ in found} == {"machine", "workspace"}
    assert found["workspace", "folder"]["message"].startswith("no workspace yet")
    assert not (tmp_path / "none").exists()


def test_an_unusable_database_hides_nothing_else(quick: None, workspace: Workspace) -> None:
    workspace.data_db.write_bytes(b"nothing of ours" * 100)
    found = diagnosed(workspace)
    assert found["workspace", "database"]["state"] == "problem"
    assert found["workspace", "disk space"]
    assert found["worker", "worker"]["state"] == "ok"


def test_unreadable_tables_are_a_finding(quick: None, workspace: Workspace, db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE variants RENAME TO others")
    found = diagnosed(workspace)
    assert found["voices", "voices"]["state"] == "problem"
    assert found["workspace", "database"]["state"] == "ok"


def test_every_voice_is_tried(quick: None, workspace: Workspace, db: sqlite3.Connection, tmp_path: Path) -> None:
    voices = [
        add_voice(db, read_voice(write_voice(tmp_path, VitsShape(seed=seed), name)))
        for seed, name in enumerate(("amy", "bob", "joe"), 1)
    ]
    with transaction(db):
        config = json.dumps(voices[2].config | {"espeak": {"voice": "xx"}})
        db.execute("UPDATE voices SET config = ? WHERE key = 'joe'", (config,))
    found = diagnosed(workspace)
    spoken = {area: finding["state"] for (area, check), finding in found.items() if check == "speech"}
    assert spoken == {"voice amy": "ok", "voice bob": "ok", "voice joe": "problem"}


def test_jobs_waiting_without_a_worker_are_a_problem_with_the_command_that_starts_one(
    quick: None, workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    add_job(db, variant_job(voice, "guide"))
    done = doctor(workspace)
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("  PROBLEM"))
    assert lines[place].split(maxsplit=2) == ["PROBLEM", "worker", "not running, but 1 job is waiting"]
    assert lines[place + 1].strip() == f"→ ttsdash --home {workspace.root} worker start"
    assert lines[-1].startswith("1 problem, ")


@pytest.mark.parametrize(
    ("version", "waiting", "state", "message", "fix"),
    [
        ("2.0", 3, "ok", "running, pid 7, ttsdash 2.0", None),
        ("1.0", 0, "problem", "running ttsdash 1.0 (pid 7), but 2.0 is", "ttsdash worker stop && ttsdash worker start"),
        (None, 2, "problem", "not running, but 2 jobs are waiting", "ttsdash worker start"),
        (None, 0, "ok", "not running, no jobs waiting", None),
        (None, None, "ok", "not running", None),
    ],
)
def test_the_finding_for_the_worker(
    version: str | None, waiting: int | None, state: str, message: str, fix: str | None
) -> None:
    info = WorkerInfo(7, "born", "", version, slots=1, cores=2, memory_mb=8000) if version else None
    found = judge_worker(info, "2.0", waiting)
    assert (found.state, found.fix) == (state, fix)
    assert found.message.startswith(message)


def test_a_corrupt_worker_file_hides_nothing(quick: None, workspace: Workspace) -> None:
    open_store(workspace).close()
    workspace.worker_lock.write_text('{"pid": "x", "started": 1, "since": "", "version": "", "slots": 1}')
    found = diagnosed(workspace)
    assert found["worker", "worker"]["message"] == "not running, no jobs waiting"
    assert found["voices", "voices"]["state"] == "note"


def test_a_configuration_is_checked_against_the_workspace(quick: None, workspace: Workspace, voice: Voice) -> None:
    config = Path(voice.path).with_name("config.yaml")
    config.write_text("models:\n  tts:\n    piper:\n      voice_path: tiny.onnx\n      quantized_path: gone.onnx\n")
    found = diagnosed(workspace, config)
    assert found["configuration", "voice_path"]["state"] == "ok"
    assert found["configuration", "quantized_path"]["fix"] == f"ttsdash --home {workspace.root} apply {config}"


def test_a_bad_configuration_is_one_line_and_exit_code_2(workspace: Workspace, tmp_path: Path) -> None:
    done = ttsdash(workspace, "doctor", tmp_path / "none.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"ttsdash: {tmp_path}/none.yaml does not exist: check the path\n"
    assert not workspace.data_db.exists()


def test_control_characters_in_file_names_are_escaped(quick: None, workspace: Workspace, tmp_path: Path) -> None:
    write_voice(tmp_path / "evil\x1b[31m\nname", name="model")
    config = tmp_path / "config.yaml"
    config.write_text('models: {tts: {piper: {voice_path: "evil\\e[31m\\nname/model.onnx"}}}')
    done = doctor(workspace, config)
    assert "\x1b" not in done.stdout
    assert "evil\\x1b[31m\\nname/model.onnx is not a voice or variant" in done.stdout


@pytest.mark.parametrize(
    ("fix", "printed"),
    [
        ("ttsdash worker stop && ttsdash worker start", "ttsdash {home} worker stop && ttsdash {home} worker start"),
        ("restore it, or run: ttsdash voices add x.onnx", "restore it, or run: ttsdash {home} voices add x.onnx"),
        ("set ttsdash up again with an arm64 Python", "set ttsdash up again with an arm64 Python"),
        ("update ttsdash", "update ttsdash"),
    ],
)
def test_a_fix_is_for_the_workspace_that_was_named(
    fix: str, printed: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"machine": [Finding("worker", "note", "a message", fix)]}
    monkeypatch.setattr("tui.cli.doctor.diagnose", lambda *_: found)
    assert f"→ {printed.format(home=f'--home {workspace.root}')}\n" in doctor(workspace).stdout
