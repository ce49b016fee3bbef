"""What the doctor finds, and what it says to do about it. Nothing that it looks at is changed."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.assistant.config import AssistantConfig
from core.doctor import workspace as workspace_checks
from core.doctor.config import Here, check_configuration, judge_use
from core.doctor.database import Answers, judge_data_base, open_to_read
from core.doctor.finding import Finding, run_check
from core.doctor.fixes import make_again
from core.doctor.logout import Place, judge_logout, kills, login_settings, place_of
from core.doctor.machine import check_machine, judge_machine
from core.doctor.runtime import check_phonemes, check_runtime
from core.doctor.voices import check_voice, judge_figures, judge_library, judge_selection
from core.doctor.workspace import check_place, check_workspace, is_made, judge_space
from core.engines.names import BY_PROVIDER
from core.errors import InvalidInput
from core.files import sha256_of
from core.hardware.machine import this_environment, this_machine
from core.records.benchmarks import BenchmarkRecord, ResultRecord
from core.records.selection_warnings import SelectionWarning, WarningKind
from core.records.selections import Selection, StoredSelection
from core.records.voices import Variant, Voice
from core.selection.decide import Candidate, select
from core.selection.figures import Figures
from core.store.database import open_store, transaction
from core.store.migrations import VERSION
from core.store.results import put_benchmark
from core.store.selections import put_selection
from core.store.voices import get_voice, put_variant
from core.variants.checksums import checksum_of, write_manifest
from core.voices.file import config_path_of
from core.workspace import APPLICATION_ID, Workspace
from tests.core.benchmark.test_figures import ORIGINAL as RESULT
from tests.core.machines import MACHINES, SERVER
from tests.measured import a_result

FRESH = "2026-01-01T00:00:00.000Z"
STATIC = Variant("tiny", "static-int8", "/nowhere", 1, "c" * 64, "static", {}, None, {}, None, FRESH)
ORIGINAL = replace(STATIC, name="original", sha256="a" * 64, recipe=None)
ALONE = Voice("a" * 64, "tiny", "/nowhere", 1, 22050, 1, "en_US", {}, {}, FRESH, (ORIGINAL,))
TINY = replace(ALONE, variants=(ORIGINAL, STATIC))


def states(findings: list[Finding]) -> dict[str, str]:
    """By check. Whatever is a problem says in a line why, and what to do."""
    for finding in findings:
        assert "\n" not in finding.says
        assert finding.mend or finding.state != "problem", finding
        assert finding.mend is None or finding.state != "ok", finding
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
def test_what_is_not_well_on_each_machine(machine: str, problems: str, notes: str) -> None:
    found = states(list(judge_machine(MACHINES[machine], (3, 12))))
    assert list(found) == ["coremltools", "Core ML", "processor", "cores", "memory"]
    assert ", ".join(check for check, state in found.items() if state == "problem") == problems
    assert ", ".join(check for check, state in found.items() if state == "note") == notes


@pytest.mark.parametrize(
    ("machine", "changes", "python", "check", "state", "says", "mend"),
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
        ("server", {}, (3, 12), "Core ML", "note", "packages are made here and run there", ""),
        ("Raspberry Pi 5", {}, (3, 12), "Core ML", "note", "needs macOS on Apple Silicon", ""),
        ("Rosetta", {}, (3, 12), "Core ML", "problem", "translated by Rosetta", "arm64 Python"),
        ("M1 on macOS 13", {}, (3, 12), "Core ML", "note", "macOS 13.6.1: packages need 14", "target=macos13"),
        ("M1 on macOS 13", {"macos": "12.7"}, (3, 12), "Core ML", "note", "macOS 12.7: no package", "update macOS"),
        ("M4 on macOS 15", {}, (3, 12), "Core ML", "ok", "macOS 15.1 on Apple Silicon", ""),
        ("Intel Mac", {}, (3, 12), "processor", "note", "int8 gains little", "--policy measured"),
        ("container", {}, (3, 12), "cores", "note", "its control group allows 0.5 cores", "limit"),
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
        ("container", {}, (3, 12), "memory", "problem", "0.5 GB of 16.0, by its control group", "limit"),
    ],
)
def test_why_and_what_to_do(
    machine: str,
    changes: dict[str, object],
    python: tuple[int, int],
    check: str,
    state: str,
    says: str,
    mend: str,
) -> None:
    probes = replace(MACHINES[machine], **changes)  # type: ignore[arg-type]
    found = only(list(judge_machine(probes, python)), check)
    assert found.state == state
    assert says in found.says
    assert mend in (found.mend or "")


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
    probes = replace(MACHINES[machine], onnxruntime=version)
    assert "ONNX Runtime" not in states(list(judge_machine(probes, (3, 12))))


def test_onnx_runtime_runs_a_model_and_piper_makes_phonemes_here(voice: Voice) -> None:
    assert states(list(check_runtime())) == {"ONNX Runtime": "ok"}
    assert states(list(check_phonemes([voice]))) == {"phonemes": "ok"}
    assert list(check_phonemes([])) == []


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("import os; os.abort()", "its process was killed (SIGABRT)"),
        ("raise ImportError('libgomp.so.1: cannot open\\n\\nshared object file')", "ImportError: libgomp.so.1: cannot"),
        ("", "AttributeError: module 'onnxruntime' has no attribute"),
    ],
)
def test_a_broken_onnx_runtime_is_told_and_the_machine_still_answers(
    module: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (found,) = check_runtime()
    assert (found.check, found.state) == ("ONNX Runtime", "problem")
    assert says in found.says
    assert "-m pip install --force-reinstall onnxruntime" in str(found.mend)
    assert states(list(check_machine()))["cores"] in ("ok", "note")


def test_a_voice_that_piper_makes_no_phonemes_for_is_told(voice: Voice) -> None:
    (found,) = check_phonemes([replace(voice, config=voice.config | {"espeak": {"voice": "xx-klingon"}})])
    assert found.state == "problem"
    assert found.says.startswith("Piper makes none for tiny: no phonemes for '1 2 3.'")


def test_a_check_that_fails_is_a_problem_and_hides_nothing() -> None:
    def examine() -> list[Finding]:
        yield Finding("disk space", "ok", "72 GB free")
        raise ZeroDivisionError("division\nby zero")

    found = run_check("privacy", examine)  # type: ignore[arg-type]
    assert states(found) == {"disk space": "ok", "privacy": "problem"}
    assert found[1].says == "this could not be looked at: ZeroDivisionError: division by zero"


# --- the workspace ---


@pytest.fixture
def made(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with its data base, on a disk of which nothing can be said."""
    monkeypatch.setattr(workspace_checks, "network_file_system", lambda _: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 * 10**9))
    open_store(workspace).close()
    return workspace


def all_files(workspace: Workspace) -> dict[str, bytes]:
    """What lies there, but for the files that SQLite keeps to read with."""
    files = (path for path in workspace.root.rglob("*") if path.is_file())
    return {path.name: path.read_bytes() for path in files if not path.name.endswith(("-wal", "-shm"))}


def test_a_workspace_in_order_is_ok_and_stays_as_it_is(made: Workspace) -> None:
    before = all_files(made)
    finding, db = open_to_read(made.data_db)
    assert states([*check_workspace(made), finding]) == dict.fromkeys(
        ("folder", "file system", "disk space", "privacy", "data base"), "ok"
    )
    assert db is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM voices")
    db.close()
    assert all_files(made) == before


def test_no_workspace_is_made_by_looking_for_one(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "a" / "b")
    assert not is_made(workspace)
    assert [finding.state for finding in check_place(workspace)] == ["note"]
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_no_workspace_can_be_made_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    note, problem = check_place(Workspace(tmp_path / "file"))
    assert (note.state, problem.state) == ("note", "problem")
    monkeypatch.setattr(os, "access", lambda *_: False)
    _, problem = check_place(Workspace(tmp_path / "new"))
    assert problem.says == f"{tmp_path} is read-only: no workspace can be made"


def test_data_bases_that_others_can_read_are_named(made: Workspace) -> None:
    made.queue_db.touch()
    for path, mode in ((made.data_db, 0o644), (made.queue_db, 0o660)):
        path.chmod(mode)
    found = only(list(check_workspace(made)), "privacy")
    assert (found.state, found.says) == ("problem", "not only you can read data.db, queue.db")
    assert found.mend == f"chmod 600 {made.data_db} {made.queue_db}"
    made.root.chmod(0o755)
    for path in (made.data_db, made.queue_db):
        path.chmod(0o600)
    assert only(list(check_workspace(made)), "privacy").state == "ok"


@pytest.mark.parametrize(
    ("change", "check", "says", "mend"),
    [
        (lambda m: m.setattr(os, "getuid", lambda: 54321), "folder", "belongs to another user", "sudo chown -R"),
        (
            lambda m: m.setattr(os, "access", lambda *_: False),
            "folder",
            "cannot be looked into by you",
            "use --home DIR",
        ),
        (
            lambda m: m.setattr(os, "access", lambda _, mode: not mode & os.W_OK),
            "folder",
            "is read-only",
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
def test_a_workspace_that_cannot_be_worked_in(
    change: Callable[[pytest.MonkeyPatch], None],
    check: str,
    says: str,
    mend: str,
    made: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change(monkeypatch)
    found = list(check_workspace(made))
    assert [entry for entry, state in states(found).items() if state == "problem"] == [check]
    assert says in only(found, check).says
    assert str(only(found, check).mend).startswith(mend)


@pytest.mark.parametrize(
    ("free", "state"), [(0, "problem"), (499_999_999, "problem"), (5e8, "note"), (1.99e9, "note"), (2e9, "ok")]
)
def test_how_much_of_the_disk_must_be_free(free: int, state: str) -> None:
    assert states([judge_space(free, Path("/w"))]) == {"disk space": state}


WELL = Answers(application=APPLICATION_ID, version=VERSION, empty=False, check="ok")


@pytest.mark.parametrize(
    ("answers", "state", "says", "mend"),
    [
        (WELL, "ok", f"whole, format {VERSION}", ""),
        (replace(WELL, version=VERSION + 1), "problem", "written by a newer ttsdash", "update ttsdash"),
        (replace(WELL, version=VERSION - 1), "note", f"the next command brings it to {VERSION}", "ttsdash voices list"),
        (replace(WELL, application=0), "problem", "of another program", "--home DIR"),
        (replace(WELL, application=0, version=0, empty=True), "note", "the next command sets it up", "ttsdash"),
        (replace(WELL, check="row 7\nmissing"), "problem", "is damaged (row 7 missing)", "mkdir -p "),
    ],
)
def test_which_data_bases_are_well(answers: Answers, state: str, says: str, mend: str) -> None:
    found = judge_data_base(answers, Path("/w/data.db"))
    assert states([found]) == {"data base": state}
    assert says in found.says
    assert mend in (found.mend or "")


@pytest.mark.parametrize(
    ("harm", "state", "says"),
    [
        (lambda path: path.write_bytes(b"no data base" * 100), "problem", "is damaged (file is not a database)"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "problem", "is damaged (it is cut short)"),
        (lambda path: path.write_bytes(path.read_bytes()[:8192] + b"\xff" * 40_000), "problem", "is damaged ("),
        (lambda path: path.write_bytes(b""), "note", "it is empty"),
        (lambda path: (path.unlink(), path.mkdir()), "problem", "is no file"),
    ],
)
def test_a_damaged_data_base_is_told_and_left_as_it_is(
    harm: Callable[[Path], object], state: str, says: str, made: Workspace
) -> None:
    harm(made.data_db)
    before = all_files(made)
    finding, db = open_to_read(made.data_db)
    assert (finding.state, db) == (state, None)
    assert says in finding.says
    states([finding])
    assert all_files(made) == before


# --- logging out ---


@pytest.mark.parametrize(
    ("place", "killed", "lingers", "mend"),
    [
        ("session", False, False, None),
        ("session", True, False, "ttsdash worker install"),
        # Lingering keeps the user's manager, not what was started in a session.
        ("session", True, True, "ttsdash worker install"),
        ("manager", False, False, "loginctl enable-linger"),
        ("manager", True, True, None),
        ("elsewhere", True, False, None),
    ],
)
def test_whether_logging_out_ends_the_worker(place: Place, killed: bool, lingers: bool, mend: str | None) -> None:
    found = judge_logout(place, killed, lingers)
    assert states([found]) == {"logging out": "problem" if mend else "ok"}
    assert str(found.mend).endswith(str(mend))


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
def test_where_a_process_belongs(group: str | None, place: Place, tmp_path: Path) -> None:
    if group:
        (tmp_path / "proc" / "7").mkdir(parents=True)
        (tmp_path / "proc" / "7" / "cgroup").write_text(group)
    assert place_of(7, tmp_path) == place


@pytest.mark.parametrize(
    ("files", "killed"),
    [
        ({}, False),
        ({"etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n"}, True),
        ({"etc/systemd/logind.conf": "[Login]\n  KillUserProcesses = TRUE  \n"}, True),
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n; KillUserProcesses=yes\n"}, False),
        ({"etc/systemd/logind.conf": "KillUserProcesses=yes\n[Sleep]\nKillUserProcesses=yes\n"}, False),
        ({"usr/lib/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n"}, True),
        # The file of the system's owner stands in the place of the one that came with it; pieces come after both.
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
def test_what_logind_is_told(files: dict[str, str], killed: bool, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="latin-1")
    assert kills(login_settings(tmp_path), "amy") is killed


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


def examined(db: sqlite3.Connection, voice: Voice) -> list[Finding]:
    return list(check_voice(db, get_voice(db, voice.key), this_machine().id))


def test_a_voice_that_nothing_was_made_of_says_so(db: sqlite3.Connection, voice: Voice) -> None:
    assert states(examined(db, voice)) == {"files": "ok", "figures": "note"}
    assert states(list(judge_library([]))) == {"voices": "note"}
    assert list(judge_library([voice])) == []


def test_files_that_are_gone_or_changed_are_named(db: sqlite3.Connection, voice: Voice, variant: Variant) -> None:
    path = Path(variant.path)
    assert only(examined(db, voice), "files").says == "there and unchanged: original, static-int8"
    config_path_of(path).unlink()
    Path(voice.path).write_bytes(b"another")
    broken, unconfigured = (finding for finding in examined(db, voice) if finding.check == "files")
    assert broken.says == f"original: checksum differs: {voice.path} is not the file that was made"
    assert broken.mend == f"put the file back that was added, or ttsdash voices add {voice.path}"
    assert unconfigured.says.startswith(f"static-int8: {path}.json is missing")
    assert unconfigured.mend == "ttsdash optimize --model tiny --static"
    path.unlink()
    assert f"static-int8: missing: {path}" in [finding.says for finding in examined(db, voice)]


def test_each_file_of_a_folder_counts(db: sqlite3.Connection, voice: Voice, tmp_path: Path) -> None:
    folder = core_ml(db, voice, tmp_path)
    assert states(examined(db, voice))["files"] == "ok"
    (folder / "body.mlpackage" / "weights").write_bytes(b"others")
    problem = examined(db, voice)[0]
    assert problem.says == f"coreml: checksum differs: {folder}/body.mlpackage/weights is not the file that was made"
    assert problem.mend == "ttsdash optimize --model tiny --coreml"
    (folder / "body.mlpackage" / "weights").unlink()
    assert examined(db, voice)[0].says == f"coreml: missing: {folder}/body.mlpackage/weights"


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
        ({"recipe": "int2"}, "update ttsdash: this version knows no recipe 'int2'"),
    ],
)
def test_a_variant_is_made_again_as_it_was(changes: dict[str, object], command: str) -> None:
    assert make_again(replace(STATIC, **changes)) == command  # type: ignore[arg-type]


def test_what_was_measured_of_these_very_files_here(db: sqlite3.Connection, voice: Voice, variant: Variant) -> None:
    assert only(examined(db, voice), "figures").says == "not measured on this machine at all cores: static-int8"
    measure(db, voice, variant)
    assert only(examined(db, voice), "figures").state == "ok"
    here = get_voice(db, voice.key)
    mine = replace(RESULT, variant=variant.name, variant_sha256=variant.sha256)
    assert judge_figures(here, [replace(mine, variant_sha256="d" * 64)]).state == "note"
    busy = judge_figures(here, [replace(mine, noisy=True)])
    assert (busy.state, busy.mend) == ("note", "ttsdash benchmark tiny")
    assert judge_figures(here, [mine, replace(mine, benchmark_id="earlier", noisy=True)]).state == "ok"


SLOW, FAST, BAD = (
    Figures(0.8, (0.7, 0.9), "slight"),
    Figures(2.0, (1.9, 2.1), "slight"),
    Figures(2.0, (1.9, 2.1), "noticeable"),
)


@pytest.mark.parametrize(
    ("candidate", "pinned", "state", "says", "mend"),
    [
        (Candidate("static-int8", "static", figures=FAST), None, "ok", "static-int8: the first in order", None),
        (Candidate("static-int8", "static", figures=SLOW), None, "problem", "is SLOWER than", " --policy measured"),
        (
            Candidate("static-int8", "static", figures=SLOW),
            "static-int8",
            "problem",
            "SLOWER",
            " --unpin --policy measured",
        ),
        (Candidate("static-int8", "static", figures=BAD), None, "problem", "sounds noticeable", " --policy measured"),
        (Candidate("static-int8", "static", problem="missing"), "static-int8", "problem", "cannot be used", " --unpin"),
        (
            Candidate("static-int8", "static", figures=replace(FAST, grade=None)),
            None,
            "note",
            "as nobody knows",
            "ttsdash benchmark tiny",
        ),
        # That the figures are missing is said of all variants at once.
        (Candidate("static-int8", "static"), None, "ok", "static-int8: ", None),
    ],
)
def test_what_speaks_against_the_selected_variant(
    candidate: Candidate, pinned: str | None, state: str, says: str, mend: str | None
) -> None:
    selection = select("tiny", [Candidate("original", None), candidate], SERVER, "priority", pinned)
    found = list(judge_selection(TINY, stored(selection)))
    assert states(found) == {"selection": state}
    assert says in found[0].says
    assert (found[0].mend or "").removeprefix("ttsdash select tiny") == (mend or "")


def test_a_variant_that_is_better_can_be_pinned() -> None:
    candidates = [
        Candidate("original", None),
        Candidate("static-int8", "static", figures=Figures(1.4, (1.3, 1.5), "slight")),
        Candidate("int4", "int4", figures=FAST),
    ]
    (found,) = judge_selection(TINY, stored(select("tiny", candidates, SERVER, "priority")))
    assert (found.state, found.mend) == ("note", "ttsdash select tiny --pin int4")
    # What is no file of its own cannot be pinned.
    candidates[2] = Candidate(BY_PROVIDER, None, figures=FAST)
    (found,) = judge_selection(TINY, stored(select("tiny", candidates, SERVER, "measured", pinned="static-int8")))
    assert (found.state, found.mend) == ("note", "ttsdash select tiny --unpin")


def test_a_warning_that_an_older_version_stored_as_text_is_a_note() -> None:
    selection = select("tiny", [Candidate("original", None)], SERVER, "priority")
    slower = SelectionWarning(WarningKind.LEGACY, "original", "static-int8 is SLOWER than the original")
    (found,) = judge_selection(TINY, stored(replace(selection, warnings=(slower,))))
    assert (found.state, found.says, found.mend) == ("note", slower.text, "ttsdash select tiny")


def test_a_selection_that_is_missing_or_of_other_files_is_made_again() -> None:
    selection = select("tiny", [Candidate("original", None)], SERVER, "priority")
    for before in (None, replace(stored(selection), selected_sha256="e" * 64)):
        (found,) = judge_selection(TINY, before)
        assert (found.state, found.mend) == ("note", "ttsdash select tiny")
    assert list(judge_selection(ALONE, None)) == []


def stored(selection: Selection) -> StoredSelection:
    selected = {"original": ORIGINAL, "static-int8": STATIC}[selection.selected]
    return StoredSelection(1, TINY.id, selected.sha256, "", FRESH, selection)


# --- an assistant's configuration ---


def configured(tmp_path: Path, **paths: object) -> AssistantConfig:
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"models": {"tts": {"piper": {name: str(value) for name, value in paths.items()}}}}))
    return AssistantConfig.load(path)


def judged(db: sqlite3.Connection | None, config: AssistantConfig) -> dict[str, Finding]:
    found = list(check_configuration(config, db, this_machine().id))
    states(found)
    return {finding.check: finding for finding in found}


def test_an_original_beside_a_quantized_model_means_that_the_model_is_not_used(
    db: sqlite3.Connection, voice: Voice, variant: Variant, tmp_path: Path
) -> None:
    config = configured(tmp_path, voice_path="voices/tiny.onnx", quantized_path=variant.path)
    found = judged(db, config)
    assert found["voice_path"].says == "original of tiny, unchanged"
    assert found["quantized_path"].says == "static-int8 of tiny, unchanged"
    assert (found["use"].state, found["use"].mend) == (
        "problem",
        f"ttsdash apply {tmp_path}/config.yaml --use-selected",
    )
    assert "so the quantized model is not used" in found["use"].says


def test_a_variant_that_is_slower_here_is_told_with_its_figures(
    db: sqlite3.Connection, voice: Voice, variant: Variant, tmp_path: Path
) -> None:
    config = configured(tmp_path, fallback_path=variant.path)
    assert judged(db, config)["use"].mend == "ttsdash benchmark tiny"
    measure(db, voice, variant)
    use = judged(db, config)["use"]
    assert use.state == "problem"
    assert "0.80x as fast as the original here (95 % interval 0.70–0.90)" in use.says
    candidates = [Candidate("original", None), Candidate("static-int8", "static", figures=SLOW)]
    selection = select("tiny", candidates, SERVER, "priority")
    with transaction(db):
        put_selection(db, voice.id, this_machine(), selection, variant.sha256, "job 1")
    assert str(judged(db, config)["use"].mend).startswith("ttsdash select tiny --policy measured && ttsdash apply ")


@pytest.mark.parametrize(
    ("loaded", "quantized", "figures", "selected", "state", "says"),
    [
        ("original", None, None, None, "ok", "the original is loaded"),
        ("original", "static-int8", None, "static-int8", "problem", "the quantized model is not used"),
        ("original", "original", None, "static-int8", "note", "static-int8 is selected"),
        ("original", None, None, "static-int8", "note", "static-int8 is selected"),
        ("original", "static-int8", None, "original", "ok", "which is selected on this machine"),
        ("static-int8", None, None, "static-int8", "note", "not measured on this machine"),
        ("static-int8", None, {"speedup": None}, "static-int8", "note", "not measured on this machine"),
        ("static-int8", None, {"grade": "slight"}, "static-int8", "ok", "static-int8 is loaded: 1.40x"),
        ("static-int8", None, {"grade": "slight"}, None, "ok", "static-int8 is loaded: 1.40x"),
        ("coreml", None, None, "static-int8", "problem", "voice_path names a folder"),
        ("static-int8", None, {"grade": "slight"}, "int4", "note", "int4 is selected"),
        ("static-int8", None, {"grade": "noticeable"}, "int4", "problem", "sound noticeable"),
        ("static-int8", None, {"grade": "broken"}, "static-int8", "problem", "sound broken"),
    ],
)
def test_whether_what_was_made_is_used(
    loaded: str,
    quantized: str | None,
    figures: dict[str, object] | None,
    selected: str | None,
    state: str,
    says: str,
) -> None:
    variants = {variant.name: variant for variant in (*TINY.variants, replace(STATIC, name="coreml", recipe="coreml"))}
    measured = replace(RESULT, speedup=1.4, speedup_ci=(1.3, 1.5), verdict="faster")
    here = Here(None if figures is None else replace(measured, **figures), selected)  # type: ignore[arg-type]
    found = judge_use("a.voice_path", variants[loaded], variants.get(quantized or ""), here, "ttsdash apply c.yaml")
    assert states([found]) == {"use": state}
    assert says in found.says


@pytest.mark.parametrize(
    ("selected", "state", "says"),
    [
        ("original@coreml", "ok", "which is selected on this machine"),
        ("coreml", "problem", "the quantized model is not used"),
    ],
)
def test_what_is_selected_counts_as_what_today_s_assistant_can_load(
    selected: str, state: str, says: str, db: sqlite3.Connection, voice: Voice, variant: Variant, tmp_path: Path
) -> None:
    core_ml(db, voice, tmp_path)
    selection = Selection("tiny", "measured", None, selected, "", ())
    with transaction(db):
        put_selection(db, voice.id, this_machine(), selection, voice.id, "job 1")
    use = judged(db, configured(tmp_path, voice_path=voice.path, quantized_path=variant.path))["use"]
    assert use.state == state
    assert says in use.says


def test_a_package_inside_of_a_variant_is_that_variant_and_no_voice_to_load(
    db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    package = core_ml(db, voice, tmp_path) / "body.mlpackage"
    found = judged(db, configured(tmp_path, voice_path=package, coreml_path=package))
    assert found["coreml_path"].says == "coreml of tiny, unchanged"
    assert found["use"].says.startswith("voice_path names a folder")
    found = judged(db, configured(tmp_path, coreml_path=package.with_name("other.mlpackage")))
    assert found["coreml_path"].mend == f"ttsdash apply {tmp_path}/config.yaml"
    shutil.rmtree(package.parent)
    found = judged(db, configured(tmp_path, coreml_path=package))
    assert found["coreml_path"].mend == "ttsdash optimize --model tiny --coreml"


def test_a_copy_of_a_variant_is_known_by_its_content(
    db: sqlite3.Connection, voice: Voice, variant: Variant, tmp_path: Path
) -> None:
    copy = Path(shutil.copyfile(variant.path, tmp_path / "copy.onnx"))
    found = judged(db, configured(tmp_path, quantized_path="copy.onnx"))
    assert found["quantized_path"].mend == f"cp {variant.path}.json {copy}.json"
    shutil.copyfile(f"{variant.path}.json", f"{copy}.json")
    found = judged(db, configured(tmp_path, quantized_path="copy.onnx"))
    assert found["quantized_path"].says == "static-int8 of tiny, unchanged"
    Path(variant.path).write_bytes(b"another")
    found = judged(db, configured(tmp_path, quantized_path=variant.path))
    assert found["quantized_path"].mend == "ttsdash optimize --model tiny --static"


@pytest.mark.parametrize("with_data_base", [True, False])
def test_paths_that_lead_nowhere_or_to_what_is_not_known(
    with_data_base: bool, db: sqlite3.Connection, tmp_path: Path
) -> None:
    for name in ("alone.onnx", "other.onnx", "other.onnx.json", "notes.txt"):
        (tmp_path / name).touch()
    known = db if with_data_base else None
    found = judged(
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
    assert {name: (finding.state, finding.mend) for name, finding in found.items()} == {
        "voice_path": ("problem", f"{apply} --voice VOICE --use-selected"),
        "quantized_path": ("problem", "get it from where the voice is from, and lay it beside"),
        "coreml_path": ("note", f"ttsdash voices add {tmp_path}/other.onnx"),
        "fallback_path": ("note", "set models.tts.piper.fallback_path by hand"),
    }


def test_a_configuration_without_the_keys_is_told_where_they_come_from(tmp_path: Path) -> None:
    for text in ("", "a: b\n", "models:\n  tts: none\n", "- a\n"):
        (tmp_path / "config.yaml").write_text(text)
        found = judged(None, AssistantConfig.load(tmp_path / "config.yaml"))
        assert (found["paths"].state, found["paths"].mend) == (
            "note",
            f"ttsdash apply {tmp_path}/config.yaml --voice VOICE",
        )


def test_what_is_no_configuration_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("models: [\n")
    for path, says in ((tmp_path / "none.yaml", "does not exist"), (tmp_path / "bad.yaml", "is not YAML")):
        with pytest.raises(InvalidInput, match=says):
            AssistantConfig.load(path)
