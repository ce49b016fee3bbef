"""`core.doctor`: the findings and their fixes. The checks change nothing."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.assistant.config import AssistantConfig
from core.doctor import workspace as workspace_checks
from core.doctor.config import LoadedVariant, check_configuration, judge_use
from core.doctor.database import DatabaseFacts, judge_database, open_read_only
from core.doctor.finding import Finding, run_check
from core.doctor.fixes import remake_command
from core.doctor.logout import Place, judge_logout, kills_user_processes, login_settings, place_of_process
from core.doctor.machine import check_machine, judge_limits, judge_machine
from core.doctor.runtime import check_phonemes, check_runtime
from core.doctor.speech import check_speech
from core.doctor.voices import check_voice, judge_library, judge_results, judge_selection
from core.doctor.workspace import check_location, check_workspace, judge_space, workspace_exists
from core.engines.names import BY_PROVIDER
from core.errors import InvalidInput
from core.files import sha256_of
from core.hardware.limits import Limits
from core.hardware.machine import this_environment, this_machine
from core.records.benchmarks import BenchmarkRecord, ResultRecord
from core.records.selection_warnings import SelectionWarning, WarningKind
from core.records.selections import Selection, StoredSelection
from core.records.voices import Variant, Voice
from core.selection.decide import Candidate, decide
from core.selection.performance import Performance
from core.store.database import open_store, transaction
from core.store.migrations import VERSION
from core.store.results import put_benchmark
from core.store.selections import put_selection
from core.store.voices import get_voice, put_variant
from core.variants.checksums import checksum_of, write_manifest
from core.voices.file import config_path_of
from core.workspace import APPLICATION_ID, Workspace
from tests.core.machines import MACHINES, SERVER
from tests.factories import make_result, make_variant, make_voice
from tests.measured import a_result

FRESH = "2026-01-01T00:00:00.000Z"
RESULT = make_result()
STATIC = make_variant()
ORIGINAL = make_variant("original")
ALONE = make_voice()
TINY = make_voice(STATIC)


def states(findings: list[Finding]) -> dict[str, str]:
    """Return the states by check. Every problem has a one-line message and a fix."""
    for finding in findings:
        assert "\n" not in finding.message
        assert finding.fix or finding.state != "problem", finding
        assert finding.fix is None or finding.state != "ok", finding
    return {finding.check: finding.state for finding in findings}


def only(findings: list[Finding], check: str) -> Finding:
    (found,) = (finding for finding in findings if finding.check == check)
    return found


# --- this machine ---


@pytest.mark.parametrize(
    ("machine", "problems", "notes"),
    [
        ("M4 on macOS 15", "", ""),
        ("M1 on macOS 13", "", "Core ML"),
        ("Rosetta", "Core ML", "processor"),
        ("Intel Mac", "", "Core ML, processor"),
        ("server", "", "Core ML"),
        ("container", "memory", "Core ML, cores"),
        ("Raspberry Pi 5", "", "coremltools, Core ML"),
    ],
)
def test_the_findings_on_each_machine(machine: str, problems: str, notes: str) -> None:
    found = states(list(judge_machine(MACHINES[machine], (3, 12))))
    assert list(found) == ["coremltools", "Core ML", "processor", "cores", "memory"]
    assert ", ".join(check for check, state in found.items() if state == "problem") == problems
    assert ", ".join(check for check, state in found.items() if state == "note") == notes


def test_the_limits_of_the_worker_are_reported_whatever_the_shell_of_the_doctor_has() -> None:
    limits = Limits(machine_cores=2, cores=1, nice=15, variables=("OMP_NUM_THREADS=1",))
    found = {finding.check: finding for finding in check_machine(limits)}
    assert found["cores"].message.startswith("limited to 1 of ") or os.cpu_count() == 1
    assert (found["limits"].state, found["limits"].message) == (
        "note",
        "the worker measures with nice 15, OMP_NUM_THREADS=1",
    )
    assert list(judge_limits(replace(limits, nice=0, variables=()))) == []


@pytest.mark.parametrize(
    ("machine", "changes", "python", "check", "state", "message", "fix"),
    [
        ("M4 on macOS 15", {"coremltools": None}, (3, 12), "coremltools", "problem", "is not installed", "-m pip inst"),
        ("Rosetta", {"coremltools": None}, (3, 12), "coremltools", "problem", "is not installed", "-m pip install"),
        ("M4 on macOS 15", {"coremltools": None}, (3, 14), "coremltools", "problem", "it has wheels for", "3.11 to"),
        (
            "server",
            {"coremltools": None},
            (3, 12),
            "coremltools",
            "note",
            "is not installed",
            "pip install coremltools",
        ),
        (
            "Raspberry Pi 5",
            {},
            (3, 12),
            "coremltools",
            "note",
            "wheels for Linux x86_64 and macOS",
            "on Linux x86_64 or",
        ),
        ("Intel Mac", {"coremltools": None}, (3, 12), "coremltools", "note", "is not installed", "pip install"),
        ("server", {}, (3, 12), "Core ML", "note", "packages can be made on this machine and run on a Mac", ""),
        ("Raspberry Pi 5", {}, (3, 12), "Core ML", "note", "needs macOS on Apple silicon", ""),
        ("Rosetta", {}, (3, 12), "Core ML", "problem", "runs under Rosetta", "arm64 Python"),
        ("M1 on macOS 13", {}, (3, 12), "Core ML", "note", "macOS 13.6.1: packages need 14", "target=macos13"),
        (
            "M1 on macOS 13",
            {"macos": "12.7"},
            (3, 12),
            "Core ML",
            "note",
            "macOS 12.7: packages need at least 13",
            "update macOS",
        ),
        ("M4 on macOS 15", {}, (3, 12), "Core ML", "ok", "macOS 15.1 on Apple silicon", ""),
        ("Intel Mac", {}, (3, 12), "processor", "note", "int8 is hardly faster", "--policy measured"),
        ("container", {}, (3, 12), "cores", "note", "limited to 0.5 CPUs", "limit"),
        *(
            (
                "M4 on macOS 15",
                {"onnxruntime": version},
                (3, 12),
                "ONNX Runtime",
                "problem",
                f"{version} can leak",
                "1.27",
            )
            for version in ("1.24.1", "1.25.0", "1.26.0")
        ),
        ("container", {}, (3, 12), "memory", "problem", "limited to 0.5 of 16.0 GB by the control group", "limit"),
    ],
)
def test_the_message_and_the_fix_of_each_finding(
    machine: str,
    changes: dict[str, object],
    python: tuple[int, int],
    check: str,
    state: str,
    message: str,
    fix: str,
) -> None:
    hardware = replace(MACHINES[machine], **changes)  # type: ignore[arg-type]
    found = only(list(judge_machine(hardware, python)), check)
    assert found.state == state
    assert message in found.message
    assert fix in (found.fix or "")


@pytest.mark.parametrize(
    ("machine", "version"),
    [
        ("M4 on macOS 15", "1.23.2"),
        ("M4 on macOS 15", "1.27.0"),
        ("M4 on macOS 15", None),
        ("Intel Mac", "1.24.0"),
        ("Rosetta", "1.24.0"),
        ("server", "1.26.0"),
        ("Raspberry Pi 5", "1.26.0"),
    ],
)
def test_only_some_versions_of_onnx_runtime_leak_memory_and_only_on_apple_silicon(
    machine: str, version: str | None
) -> None:
    hardware = replace(MACHINES[machine], onnxruntime=version)
    assert "ONNX Runtime" not in states(list(judge_machine(hardware, (3, 12))))


def test_onnx_runtime_runs_a_model_and_piper_makes_phonemes_on_this_machine(voice: Voice) -> None:
    assert states(list(check_runtime())) == {"ONNX Runtime": "ok"}
    assert states(list(check_phonemes())) == {"phonemes": "ok"}
    assert states(list(check_speech(voice))) == {"speech": "ok"}


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("import os; os.abort()", "its process was killed (SIGABRT)"),
        ("raise ImportError('libgomp.so.1: cannot open\\n\\nshared object file')", "ImportError: libgomp.so.1: cannot"),
        ("", "AttributeError: module 'onnxruntime' has no attribute"),
    ],
)
def test_a_broken_onnx_runtime_is_reported_and_the_hardware_is_still_detected(
    module: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (found,) = check_runtime()
    assert (found.check, found.state) == ("ONNX Runtime", "problem")
    assert message in found.message
    assert "-m pip install --force-reinstall onnxruntime" in str(found.fix)
    assert states(list(check_machine()))["cores"] in ("ok", "note")


def test_piper_that_makes_no_phonemes_is_reported_whatever_the_voices_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('libgomp.so.1: cannot open')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (found,) = check_phonemes()
    assert found.message == "Piper makes none: ImportError: libgomp.so.1: cannot open"
    assert "-m pip install --force-reinstall piper-tts" in str(found.fix)


@pytest.mark.parametrize(
    ("changes", "message", "fix"),
    [
        (
            {"espeak": {"voice": "xx-klingon"}},
            "espeak-ng does not know, 'xx-klingon'",
            "set espeak.voice to 'en-us', then: ",
        ),
        ({"phoneme_type": "pinyin"}, "needs more packages for its phonemes", "-m pip install 'piper-tts[zh]'"),
        ({"inference": None}, "an inference that is not a JSON object", "correct the configuration, then: "),
    ],
)
def test_a_voice_that_cannot_speak_gets_the_cause_and_its_fix(
    changes: dict[str, object], message: str, fix: str, voice: Voice
) -> None:
    (found,) = check_speech(replace(voice, config=voice.config | changes))
    assert (found.check, found.state) == ("speech", "problem")
    assert message in found.message
    if fix.endswith("then: "):
        fix += f"ttsdash voices add {voice.path}"
    assert str(found.fix).endswith(fix)


def test_a_voice_whose_file_is_missing_is_not_tried(voice: Voice) -> None:
    Path(voice.path).unlink()
    assert list(check_speech(voice)) == []


def test_a_check_that_fails_is_a_problem_and_hides_nothing() -> None:
    def produce() -> list[Finding]:
        yield Finding("disk space", "ok", "72 GB free")
        raise ZeroDivisionError("division\nby zero")

    found = run_check("privacy", produce)  # type: ignore[arg-type]
    assert states(found) == {"disk space": "ok", "privacy": "problem"}
    assert found[1].message == "this check failed: ZeroDivisionError: division by zero"


# --- the workspace ---


@pytest.fixture
def made(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with a database, on a disk without findings."""
    monkeypatch.setattr(workspace_checks, "network_file_system", lambda _: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 * 10**9))
    open_store(workspace).close()
    return workspace


def all_files(workspace: Workspace) -> dict[str, bytes]:
    """Return all files except those that SQLite needs for reading."""
    files = (path for path in workspace.root.rglob("*") if path.is_file())
    return {path.name: path.read_bytes() for path in files if not path.name.endswith(("-wal", "-shm"))}


def test_an_intact_workspace_is_ok_and_stays_unchanged(made: Workspace) -> None:
    before = all_files(made)
    finding, db = open_read_only(made.data_db)
    assert states([*check_workspace(made), finding]) == dict.fromkeys(
        ("folder", "file system", "disk space", "privacy", "database"), "ok"
    )
    assert db is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM voices")
    db.close()
    assert all_files(made) == before


def test_the_check_creates_no_workspace(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "a" / "b")
    assert not workspace_exists(workspace)
    assert [finding.state for finding in check_location(workspace)] == ["note"]
    assert list(tmp_path.iterdir()) == []


def test_a_location_where_no_workspace_can_be_created_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    note, problem = check_location(Workspace(tmp_path / "file"))
    assert (note.state, problem.state) == ("note", "problem")
    monkeypatch.setattr(os, "access", lambda *_: False)
    _, problem = check_location(Workspace(tmp_path / "new"))
    assert problem.message == f"{tmp_path} is not writable for you: no workspace can be created"


def test_databases_that_other_users_can_read_are_named(made: Workspace) -> None:
    made.queue_db.touch()
    for path, mode in ((made.data_db, 0o644), (made.queue_db, 0o660)):
        path.chmod(mode)
    found = only(list(check_workspace(made)), "privacy")
    assert (found.state, found.message) == ("problem", "other users can read data.db, queue.db")
    assert found.fix == f"chmod 600 {made.data_db} {made.queue_db}"
    made.root.chmod(0o755)
    for path in (made.data_db, made.queue_db):
        path.chmod(0o600)
    assert only(list(check_workspace(made)), "privacy").state == "ok"


@pytest.mark.parametrize(
    ("change", "check", "message", "fix"),
    [
        (lambda m: m.setattr(os, "getuid", lambda: 54321), "folder", "belongs to another user", "sudo chown -R"),
        (
            lambda m: m.setattr(os, "access", lambda *_: False),
            "folder",
            "is not readable for you",
            "use --home DIR",
        ),
        (
            lambda m: m.setattr(os, "access", lambda _, mode: not mode & os.W_OK),
            "folder",
            "is not writable",
            "chmod u+rwX",
        ),
        (
            lambda m: m.setattr(workspace_checks, "network_file_system", lambda _: "nfs4"),
            "file system",
            "on a network file system (nfs4), where SQLite can lose data",
            "use --home DIR",
        ),
    ],
)
def test_a_workspace_that_cannot_be_used(
    change: Callable[[pytest.MonkeyPatch], None],
    check: str,
    message: str,
    fix: str,
    made: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change(monkeypatch)
    found = list(check_workspace(made))
    assert [entry for entry, state in states(found).items() if state == "problem"] == [check]
    assert message in only(found, check).message
    assert str(only(found, check).fix).startswith(fix)


@pytest.mark.parametrize(
    ("free", "state"), [(0, "problem"), (499_999_999, "problem"), (5e8, "note"), (1.99e9, "note"), (2e9, "ok")]
)
def test_how_much_disk_space_must_be_free(free: int, state: str) -> None:
    assert states([judge_space(free, Path("/w"))]) == {"disk space": state}


def _leave_a_variant(path: Path) -> None:
    variant = Workspace(path.parent).optimized_models / "amy" / "static-int8.onnx"
    variant.parent.mkdir()
    variant.touch()


def _make_empty(path: Path) -> None:
    """Write a database without a table."""
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("VACUUM")


WELL = DatabaseFacts(application=APPLICATION_ID, version=VERSION, empty=False, check="ok")


@pytest.mark.parametrize(
    ("answers", "state", "message", "fix"),
    [
        (WELL, "ok", f"intact, format {VERSION}", ""),
        (replace(WELL, version=VERSION + 1), "problem", "written by a newer ttsdash", "update ttsdash"),
        (
            replace(WELL, version=VERSION - 1),
            "note",
            f"the next command migrates it to {VERSION}",
            "ttsdash voices list",
        ),
        (replace(WELL, application=0), "problem", "belongs to another program", "--home DIR"),
        (replace(WELL, application=0, version=0, empty=True), "note", "the next command initializes it", "ttsdash"),
        (replace(WELL, check="row 7\nmissing"), "problem", "is damaged (row 7 missing)", "mkdir -p "),
    ],
)
def test_the_findings_for_a_database(answers: DatabaseFacts, state: str, message: str, fix: str) -> None:
    found = judge_database(answers, Path("/w/data.db"))
    assert states([found]) == {"database": state}
    assert message in found.message
    assert fix in (found.fix or "")


@pytest.mark.parametrize(
    ("harm", "state", "message"),
    [
        (lambda path: path.write_bytes(b"not sqlite" * 100), "problem", "is damaged (file is not a database)"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "problem", "is damaged (it is truncated)"),
        (lambda path: path.write_bytes(path.read_bytes()[:8192] + b"\xff" * 40_000), "problem", "is damaged ("),
        (lambda path: path.write_bytes(b""), "note", "it is empty"),
        (lambda path: (_leave_a_variant(path), path.write_bytes(b"")), "problem", "is empty, although "),
        (lambda path: (_leave_a_variant(path), _make_empty(path)), "problem", "is empty, although "),
        (lambda path: (path.unlink(), path.mkdir()), "problem", "is a folder, not a database"),
        (lambda path: (path.unlink(), path.symlink_to("gone")), "problem", "is a link to gone, which does not exist"),
    ],
)
def test_a_damaged_database_is_reported_and_left_unchanged(
    harm: Callable[[Path], object], state: str, message: str, made: Workspace
) -> None:
    harm(made.data_db)
    before = all_files(made)
    finding, db = open_read_only(made.data_db)
    assert (finding.state, db) == (state, None)
    assert message in finding.message
    states([finding])
    assert all_files(made) == before


# --- logging out ---


@pytest.mark.parametrize(
    ("place", "killed", "lingers", "fix"),
    [
        ("session", False, False, None),
        ("session", True, False, "ttsdash worker install"),
        # Lingering keeps the user manager, not the processes of a session.
        ("session", True, True, "ttsdash worker install"),
        ("manager", False, False, "loginctl enable-linger"),
        ("manager", True, True, None),
        ("elsewhere", True, False, None),
    ],
)
def test_whether_logging_out_ends_the_worker(place: Place, killed: bool, lingers: bool, fix: str | None) -> None:
    found = judge_logout(place, killed, lingers)
    assert states([found]) == {"logging out": "problem" if fix else "ok"}
    assert str(found.fix).endswith(str(fix))


@pytest.mark.parametrize(
    ("group", "place"),
    [
        ("0::/user.slice/user-1000.slice/session-3.scope\n", "session"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome.scope\n", "manager"),
        ("1:name=systemd:/user.slice/user-1000.slice/user@1000.service\n0::/\n", "manager"),
        ("0::/system.slice/ssh.service\n", "elsewhere"),
        (None, "session"),
    ],
)
def test_what_a_process_belongs_to(group: str | None, place: Place, tmp_path: Path) -> None:
    if group:
        (tmp_path / "proc" / "7").mkdir(parents=True)
        (tmp_path / "proc" / "7" / "cgroup").write_text(group)
    assert place_of_process(7, tmp_path) == place


@pytest.mark.parametrize(
    ("files", "killed"),
    [
        ({}, False),
        ({"etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n"}, True),
        ({"etc/systemd/logind.conf": "[Login]\n  KillUserProcesses = TRUE  \n"}, True),
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n; KillUserProcesses=yes\n"}, False),
        ({"etc/systemd/logind.conf": "KillUserProcesses=yes\n[Sleep]\nKillUserProcesses=yes\n"}, False),
        ({"usr/lib/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n"}, True),
        # The administrator's file replaces the one of the distribution; drop-ins override both.
        (
            {
                "etc/systemd/logind.conf": "[Login]\nHandleLidSwitch=ignore\n",
                "usr/lib/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n",
            },
            False,
        ),
        (
            {
                "etc/systemd/logind.conf": "[Login]\nKillUserProcesses=no\n",
                "run/systemd/logind.conf.d/50-kill.conf": "[Login]\nKillUserProcesses=1\n",
            },
            True,
        ),
        (
            {
                "etc/systemd/logind.conf.d/10-keep.conf": "[Login]\nKillUserProcesses=no\n",
                "usr/lib/systemd/logind.conf.d/90-kill.conf": "[Login]\nKillUserProcesses=on\n",
            },
            True,
        ),
        (
            {
                "etc/systemd/logind.conf.d/50-a.conf": "[Login]\nKillUserProcesses=no\n",
                "usr/lib/systemd/logind.conf.d/50-a.conf": "[Login]\nKillUserProcesses=yes\n",
            },
            False,
        ),
        ({"etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\nKillExcludeUsers=root amy\n"}, False),
        ({"etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\nKillOnlyUsers=joe\n"}, False),
        ({"etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\nKillOnlyUsers=joe amy\n"}, True),
        ({"etc/systemd/logind.conf": "[Login]\nno key\n= \n\xff\nKillUserProcesses=yes\n"}, True),
    ],
)
def test_the_settings_of_logind(files: dict[str, str], killed: bool, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="latin-1")
    assert kills_user_processes(login_settings(tmp_path), "amy") is killed


# --- voices ---


@pytest.fixture
def variant(db: sqlite3.Connection, voice: Voice, tmp_path: Path) -> Variant:
    """A variant `static-int8`, with other bytes than the original."""
    path = tmp_path / "static-int8.onnx"
    path.write_bytes(Path(voice.path).read_bytes() + b"\x00")
    shutil.copyfile(config_path_of(Path(voice.path)), config_path_of(path))
    return register(db, voice, replace(STATIC, path=str(path), sha256=sha256_of(path)))


def register(db: sqlite3.Connection, voice: Voice, variant: Variant) -> Variant:
    with transaction(db):
        put_variant(db, voice.id, variant)
    return variant


def measure(db: sqlite3.Connection, voice: Voice, *variants: Variant, **changes: object) -> None:
    """Store a benchmark of this machine at all cores."""
    columns = a_result("", "").figures
    figures = {name: value for name, value in asdict(RESULT).items() if name in columns}
    results = [
        figures
        | {"id": variant.sha256, "variant": variant.name, "variant_sha256": variant.sha256, "stock": True}
        | {"speedup": 0.8, "speedup_low": 0.7, "speedup_high": 0.9, "verdict": "slower", "unmeasured": {}}
        | changes
        for variant in variants
    ]
    record = BenchmarkRecord(
        "b1",
        voice.id,
        voice.key,
        this_machine(),
        this_environment(),
        "v",
        {},
        {},
        FRESH,
        tuple(ResultRecord.from_figures(r) for r in results),
    )
    with transaction(db):
        put_benchmark(db, record, job_id=None)


def voice_findings(db: sqlite3.Connection, voice: Voice) -> list[Finding]:
    return list(check_voice(db, get_voice(db, voice.key), this_machine().id))


def test_a_voice_without_variants_gets_a_note(db: sqlite3.Connection, voice: Voice) -> None:
    assert states(voice_findings(db, voice)) == {"files": "ok", "results": "note"}
    assert states(list(judge_library([]))) == {"voices": "note"}
    assert list(judge_library([voice])) == []


def test_missing_and_changed_files_are_named(db: sqlite3.Connection, voice: Voice, variant: Variant) -> None:
    path = Path(variant.path)
    assert only(voice_findings(db, voice), "files").message == "present and unchanged: original, static-int8"
    config_path_of(path).unlink()
    Path(voice.path).write_bytes(b"another")
    broken, unconfigured = (finding for finding in voice_findings(db, voice) if finding.check == "files")
    assert broken.message == f"original: checksum differs: {voice.path} is not the file that was made"
    assert broken.fix == f"restore the file that was added, or run: ttsdash voices add {voice.path}"
    assert unconfigured.message.startswith(f"static-int8: {path}.json is missing")
    assert unconfigured.fix == "ttsdash optimize --model tiny --static"
    path.unlink()
    assert f"static-int8: missing: {path}" in [finding.message for finding in voice_findings(db, voice)]


def test_every_file_of_a_folder_is_verified(db: sqlite3.Connection, voice: Voice, tmp_path: Path) -> None:
    folder = core_ml(db, voice, tmp_path)
    assert states(voice_findings(db, voice))["files"] == "ok"
    (folder / "body.mlpackage" / "weights").write_bytes(b"others")
    problem = voice_findings(db, voice)[0]
    assert problem.message == f"coreml: checksum differs: {folder}/body.mlpackage/weights is not the file that was made"
    assert problem.fix == "ttsdash optimize --model tiny --coreml"
    (folder / "body.mlpackage" / "weights").unlink()
    assert voice_findings(db, voice)[0].message == f"coreml: missing: {folder}/body.mlpackage/weights"


def core_ml(db: sqlite3.Connection, voice: Voice, tmp_path: Path) -> Path:
    folder = tmp_path / "coreml"
    (folder / "body.mlpackage").mkdir(parents=True)
    (folder / "body.mlpackage" / "weights").write_bytes(b"weights")
    write_manifest(folder)
    register(
        db,
        voice,
        replace(STATIC, name="coreml", recipe="coreml", path=str(folder), sha256=checksum_of(folder)),
    )
    return folder


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({"params": {"stages": 2, "clip": "mse", "calibration": "en v1"}}, "ttsdash optimize --model tiny --static"),
        (
            {"params": {"stages": 3, "clip": "max"}, "name": "static-int8+clip=max+stages=3"},
            "ttsdash optimize --model tiny --static --param stages=3 --param clip=max",
        ),
        (
            {"params": {}, "name": "static-int8+calibration=mine-12345678"},
            "ttsdash optimize --model tiny --static --calibration FILE",
        ),
        ({"recipe": "int2"}, "update ttsdash: this version has no recipe 'int2'"),
    ],
)
def test_a_variant_is_made_again_with_the_same_parameters(changes: dict[str, object], command: str) -> None:
    assert remake_command(replace(STATIC, **changes)) == command  # type: ignore[arg-type]


def test_only_results_of_the_current_files_on_this_machine_count(
    db: sqlite3.Connection, voice: Voice, variant: Variant
) -> None:
    assert (
        only(voice_findings(db, voice), "results").message == "not measured on this machine at all cores: static-int8"
    )
    measure(db, voice, variant)
    assert only(voice_findings(db, voice), "results").state == "ok"
    here = get_voice(db, voice.key)
    mine = replace(RESULT, variant=variant.name, variant_sha256=variant.sha256)
    assert judge_results(here, [replace(mine, variant_sha256="d" * 64)]).state == "note"
    busy = judge_results(here, [replace(mine, noisy=True)])
    assert (busy.state, busy.fix) == ("note", "ttsdash benchmark tiny")
    assert judge_results(here, [mine, replace(mine, benchmark_id="earlier", noisy=True)]).state == "ok"


SLOW, FAST, BAD = (
    Performance(0.8, (0.7, 0.9), "slight"),
    Performance(2.0, (1.9, 2.1), "slight"),
    Performance(2.0, (1.9, 2.1), "noticeable"),
)


@pytest.mark.parametrize(
    ("candidate", "pinned", "state", "message", "fix"),
    [
        (Candidate("static-int8", "static", performance=FAST), None, "ok", "static-int8: the first usable one", None),
        (Candidate("static-int8", "static", performance=SLOW), None, "problem", "is SLOWER than", " --policy measured"),
        (
            Candidate("static-int8", "static", performance=SLOW),
            "static-int8",
            "problem",
            "SLOWER",
            " --unpin --policy measured",
        ),
        (
            Candidate("static-int8", "static", performance=BAD),
            None,
            "problem",
            "sounds noticeably worse",
            " --policy measured",
        ),
        (Candidate("static-int8", "static", problem="missing"), "static-int8", "problem", "cannot be used", " --unpin"),
        (
            Candidate("static-int8", "static", performance=replace(FAST, grade=None)),
            None,
            "note",
            "has not been graded",
            "ttsdash benchmark tiny",
        ),
        # Missing results are reported for all variants at once.
        (Candidate("static-int8", "static"), None, "ok", "static-int8: ", None),
    ],
)
def test_the_warnings_about_the_selected_variant(
    candidate: Candidate, pinned: str | None, state: str, message: str, fix: str | None
) -> None:
    selection = decide("tiny", [Candidate("original", None), candidate], SERVER, "priority", pinned)
    found = list(judge_selection(TINY, stored(selection)))
    assert states(found) == {"selection": state}
    assert message in found[0].message
    assert (found[0].fix or "").removeprefix("ttsdash select tiny") == (fix or "")


def test_a_better_variant_can_be_pinned() -> None:
    candidates = [
        Candidate("original", None),
        Candidate("static-int8", "static", performance=Performance(1.4, (1.3, 1.5), "slight")),
        Candidate("int4", "int4", performance=FAST),
    ]
    (found,) = judge_selection(TINY, stored(decide("tiny", candidates, SERVER, "priority")))
    assert (found.state, found.fix) == ("note", "ttsdash select tiny --pin int4")
    # The original run by another provider cannot be pinned.
    candidates[2] = Candidate(BY_PROVIDER, None, performance=FAST)
    (found,) = judge_selection(TINY, stored(decide("tiny", candidates, SERVER, "measured", pinned="static-int8")))
    assert (found.state, found.fix) == ("note", "ttsdash select tiny --unpin")


def test_a_warning_that_an_older_version_stored_as_text_is_a_note() -> None:
    selection = decide("tiny", [Candidate("original", None)], SERVER, "priority")
    slower = SelectionWarning(WarningKind.LEGACY, "original", "static-int8 is SLOWER than the original")
    (found,) = judge_selection(TINY, stored(replace(selection, warnings=(slower,))))
    assert (found.state, found.message, found.fix) == ("note", slower.text, "ttsdash select tiny")


def test_a_missing_or_outdated_selection_is_made_again() -> None:
    selection = decide("tiny", [Candidate("original", None)], SERVER, "priority")
    for before in (None, replace(stored(selection), selected_sha256="e" * 64)):
        (found,) = judge_selection(TINY, before)
        assert (found.state, found.fix) == ("note", "ttsdash select tiny")
    assert list(judge_selection(ALONE, None)) == []


def stored(selection: Selection) -> StoredSelection:
    selected = {"original": ORIGINAL, "static-int8": STATIC}[selection.selected]
    return StoredSelection(1, TINY.id, selected.sha256, "", FRESH, selection)


# --- an assistant's configuration ---


def configured(tmp_path: Path, **paths: object) -> AssistantConfig:
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"models": {"tts": {"piper": {name: str(value) for name, value in paths.items()}}}}))
    return AssistantConfig.load(path)


def findings_by_check(db: sqlite3.Connection | None, config: AssistantConfig) -> dict[str, Finding]:
    found = list(check_configuration(config, db, this_machine().id))
    states(found)
    return {finding.check: finding for finding in found}


def test_a_quantized_model_is_not_used_if_the_original_is_loaded(
    db: sqlite3.Connection, voice: Voice, variant: Variant, tmp_path: Path
) -> None:
    config = configured(tmp_path, voice_path="voices/tiny.onnx", quantized_path=variant.path)
    found = findings_by_check(db, config)
    assert found["voice_path"].message == "original of tiny, unchanged"
    assert found["quantized_path"].message == "static-int8 of tiny, unchanged"
    assert (found["use"].state, found["use"].fix) == (
        "problem",
        f"ttsdash apply {tmp_path}/config.yaml --use-selected",
    )
    assert "the quantized model is not used" in found["use"].message


def test_a_loaded_variant_that_is_slower_is_reported_with_its_figures(
    db: sqlite3.Connection, voice: Voice, variant: Variant, tmp_path: Path
) -> None:
    config = configured(tmp_path, fallback_path=variant.path)
    assert findings_by_check(db, config)["use"].fix == "ttsdash benchmark tiny"
    measure(db, voice, variant)
    use = findings_by_check(db, config)["use"]
    assert use.state == "problem"
    assert "0.80x as fast as the original (95 % interval 0.70–0.90)" in use.message
    candidates = [Candidate("original", None), Candidate("static-int8", "static", performance=SLOW)]
    selection = decide("tiny", candidates, SERVER, "priority")
    with transaction(db):
        put_selection(db, voice.id, this_machine(), selection, variant.sha256, "job 1")
    assert str(findings_by_check(db, config)["use"].fix).startswith(
        "ttsdash select tiny --policy measured && ttsdash apply "
    )


@pytest.mark.parametrize(
    ("loaded", "quantized", "figures", "selected", "state", "message"),
    [
        ("original", None, None, None, "ok", "the original is loaded"),
        ("original", "static-int8", None, "static-int8", "problem", "the quantized model is not used"),
        ("original", "original", None, "static-int8", "note", "static-int8 is selected"),
        ("original", None, None, "static-int8", "note", "static-int8 is selected"),
        ("original", "static-int8", None, "original", "ok", "which is selected on this machine"),
        ("static-int8", None, None, "static-int8", "note", "not been measured on this machine"),
        ("static-int8", None, {"speedup": None}, "static-int8", "note", "not been measured on this machine"),
        ("static-int8", None, {"grade": "slight"}, "static-int8", "ok", "static-int8 is loaded: 1.40x"),
        ("static-int8", None, {"grade": "slight"}, None, "ok", "static-int8 is loaded: 1.40x"),
        ("coreml", None, None, "static-int8", "problem", "voice_path names a folder"),
        ("static-int8", None, {"grade": "slight"}, "int4", "note", "int4 is selected"),
        ("static-int8", None, {"grade": "noticeable"}, "int4", "problem", "sound noticeable"),
        ("static-int8", None, {"grade": "broken"}, "static-int8", "problem", "sound broken"),
    ],
)
def test_whether_the_selected_variant_is_used(
    loaded: str,
    quantized: str | None,
    figures: dict[str, object] | None,
    selected: str | None,
    state: str,
    message: str,
) -> None:
    variants = {variant.name: variant for variant in (*TINY.variants, replace(STATIC, name="coreml", recipe="coreml"))}
    measured = replace(RESULT, speedup=1.4, speedup_ci=(1.3, 1.5), verdict="faster")
    result = None if figures is None else replace(measured, **figures)  # type: ignore[arg-type]
    model = LoadedVariant(variants[loaded], result, selected)
    found = judge_use("a.voice_path", model, variants.get(quantized or ""), "ttsdash apply c.yaml")
    assert states([found]) == {"use": state}
    assert message in found.message


@pytest.mark.parametrize(
    ("selected", "state", "message"),
    [
        ("original@coreml", "ok", "which is selected on this machine"),
        ("coreml", "problem", "the quantized model is not used"),
    ],
)
def test_the_selected_variant_counts_as_what_the_assistant_can_load(
    selected: str, state: str, message: str, db: sqlite3.Connection, voice: Voice, variant: Variant, tmp_path: Path
) -> None:
    core_ml(db, voice, tmp_path)
    selection = Selection("tiny", "measured", None, selected, "", ())
    with transaction(db):
        put_selection(db, voice.id, this_machine(), selection, voice.id, "job 1")
    use = findings_by_check(db, configured(tmp_path, voice_path=voice.path, quantized_path=variant.path))["use"]
    assert use.state == state
    assert message in use.message


def test_a_package_in_a_variants_folder_is_that_variant_and_cannot_be_loaded(
    db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    package = core_ml(db, voice, tmp_path) / "body.mlpackage"
    found = findings_by_check(db, configured(tmp_path, voice_path=package, coreml_path=package))
    assert found["coreml_path"].message == "coreml of tiny, unchanged"
    assert found["use"].message.startswith("voice_path names a folder")
    found = findings_by_check(db, configured(tmp_path, coreml_path=package.with_name("other.mlpackage")))
    assert found["coreml_path"].fix == f"ttsdash apply {tmp_path}/config.yaml"
    shutil.rmtree(package.parent)
    found = findings_by_check(db, configured(tmp_path, coreml_path=package))
    assert found["coreml_path"].fix == "ttsdash optimize --model tiny --coreml"


def test_a_copy_of_a_variant_is_recognized_by_its_checksum(
    db: sqlite3.Connection, voice: Voice, variant: Variant, tmp_path: Path
) -> None:
    copy = Path(shutil.copyfile(variant.path, tmp_path / "copy.onnx"))
    found = findings_by_check(db, configured(tmp_path, quantized_path="copy.onnx"))
    assert found["quantized_path"].fix == f"cp {variant.path}.json {copy}.json"
    shutil.copyfile(f"{variant.path}.json", f"{copy}.json")
    found = findings_by_check(db, configured(tmp_path, quantized_path="copy.onnx"))
    assert found["quantized_path"].message == "static-int8 of tiny, unchanged"
    Path(variant.path).write_bytes(b"another")
    found = findings_by_check(db, configured(tmp_path, quantized_path=variant.path))
    assert found["quantized_path"].fix == "ttsdash optimize --model tiny --static"


@pytest.mark.parametrize("with_database", [True, False])
def test_missing_and_unknown_paths_are_reported(with_database: bool, db: sqlite3.Connection, tmp_path: Path) -> None:
    for name in ("alone.onnx", "other.onnx", "other.onnx.json", "notes.txt"):
        (tmp_path / name).touch()
    known = db if with_database else None
    found = findings_by_check(
        known,
        configured(
            tmp_path,
            voice_path="none.onnx",
            quantized_path="alone.onnx",
            coreml_path="other.onnx",
            fallback_path="notes.txt",
        ),
    )
    apply = f"ttsdash apply {tmp_path}/config.yaml"
    assert {name: (finding.state, finding.fix) for name, finding in found.items()} == {
        "voice_path": ("problem", f"{apply} --voice VOICE --use-selected"),
        "quantized_path": ("problem", "download it from where the voice is from, and put it next to the voice"),
        "coreml_path": ("note", f"ttsdash voices add {tmp_path}/other.onnx"),
        "fallback_path": ("note", "set models.tts.piper.fallback_path yourself"),
    }


def test_a_configuration_without_the_keys_gets_the_command_that_sets_them(tmp_path: Path) -> None:
    for text in ("", "a: b\n", "models:\n  tts: none\n", "- a\n"):
        (tmp_path / "config.yaml").write_text(text)
        found = findings_by_check(None, AssistantConfig.load(tmp_path / "config.yaml"))
        assert (found["paths"].state, found["paths"].fix) == (
            "note",
            f"ttsdash apply {tmp_path}/config.yaml --voice-key KEY",
        )


def test_a_configuration_whose_models_no_key_can_name_gets_advice_that_can_be_followed(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("voices: [/x/a.onnx]\n")
    found = findings_by_check(None, AssistantConfig.load(tmp_path / "config.yaml"))
    assert found["paths"].message.endswith("; --voice-key cannot name voices[0] (in a list, line 1)")
    assert str(found["paths"].fix).startswith("write the path of a variant there yourself")


def test_an_invalid_configuration_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("models: [\n")
    for path, message in ((tmp_path / "none.yaml", "does not exist"), (tmp_path / "bad.yaml", "is not YAML")):
        with pytest.raises(InvalidInput, match=message):
            AssistantConfig.load(path)
