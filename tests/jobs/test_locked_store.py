"""Another program holds the write lock of `data.db`: nothing that is finished is lost, whoever is killed meanwhile."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.errors import StoreLocked, format_error
from core.records.voices import Voice
from core.store import database
from core.store.database import open_store, transaction
from core.store.jobs import get_job
from core.store.lifecycle import claim
from core.store.locked import lock_holders, locked_by
from core.store.results import list_results
from core.store.voices import get_voice
from core.variants.checksums import checksum_of
from core.workspace import Workspace
from jobs.finished import kept_attempts
from jobs.job_process import JobProcess
from jobs.lock import running_worker
from jobs.submit import benchmark_job, submit, variant_job
from jobs.worker_control import start_worker, stop_worker
from tests.long_runs import LONG
from tests.running import (
    leftover_files,
    processes_of,
    refused,
    ttsdash,
    ttsdash_json,
    wait_for_end,
    wait_for_progress,
)
from tests.waiting import wait_until

_HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
for statement in sys.argv[2:]:
    db.execute(statement).fetchall()
print("locked", flush=True)
sys.stdin.read()
"""
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists who holds a lock")


@contextmanager
def locked(path: Path, *statements: str) -> Iterator[int]:
    """Have another process hold a lock, like a database browser with an open write. Yield its pid."""
    command = [sys.executable, "-c", _HOLDER, str(path), *(statements or ("BEGIN IMMEDIATE",))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"locked\n"
        yield process.pid
        process.kill()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process wait for a lock for a moment only."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)


def kept(workspace: Workspace) -> list[tuple[int, int]]:
    return list(kept_attempts(workspace))


def submit_one(kind: str, workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> int:
    job = benchmark_job(voice, []) if kind == "benchmark" else variant_job(voice, "guide")
    return submit(workspace, db, job)[0]


def assert_stored(kind: str, workspace: Workspace, db: sqlite3.Connection, job_id: int) -> None:
    """Assert that the first attempt has succeeded with all that it made."""
    job = wait_for_end(db, job_id)
    assert (job.state, job.attempt, job.error) == ("succeeded", 1, None)
    if kind == "benchmark":
        assert job.result
        assert [result.id for result in list_results(db)][::-1] == job.result["results"][::-1]
    else:
        variant = get_voice(db, job.voice).variant("dynamic-int8-guide")
        assert checksum_of(Path(variant.path)) == variant.sha256
    wait_until(lambda: not kept(workspace))
    assert leftover_files(workspace) == []


@pytest.mark.parametrize("kind", ["benchmark", "variant"])
@linux_only
def test_what_a_job_finishes_while_the_store_is_locked_waits_reports_why_and_is_stored(
    kind: str, workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    start_worker(workspace)
    job_id = submit_one(kind, workspace, db, voice)
    wait_until(lambda: get_job(db, job_id).process_group)
    log = workspace.job_log(job_id)
    with locked(workspace.data_db) as pid:
        wait_until(lambda: "waiting to store it" in log.read_text())
        who = f"data.db is locked by python3.11 (pid {pid})".replace("python3.11", name_of(pid))
        assert who in log.read_text()
        assert kept(workspace) == [(job_id, 1)]
        assert ttsdash_json(workspace, "jobs", "show", job_id)["stage"] == f"finished, waits to be stored: {who}"
        assert f"finished, waits to be stored: {who}" in ttsdash(workspace, "jobs", "list").stdout
        assert "disk space" not in log.read_text()
    assert_stored(kind, workspace, db, job_id)


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


@pytest.mark.parametrize(
    ("killed", "kind"),
    [
        (killed, kind)
        for number, killed in enumerate(["job", "worker", "both", "stopped"])
        for kind in (["benchmark", "variant"] if LONG else [["benchmark", "variant"][number % 2]])
    ],
)
def test_what_is_finished_is_stored_even_if_its_processes_are_killed_while_it_waits(
    killed: str, kind: str, workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    worker, _ = start_worker(workspace)
    job_id = submit_one(kind, workspace, db, voice)
    group = wait_until(lambda: get_job(db, job_id).process_group)
    with locked(workspace.data_db):
        wait_until(lambda: kept(workspace))
        if killed in ("worker", "both"):
            os.kill(worker.pid, signal.SIGKILL)
        if killed in ("job", "both"):
            os.killpg(group, signal.SIGKILL)
        if killed == "stopped":
            stop_worker(workspace, at_once=True)
        if killed != "job":
            wait_until(lambda: not processes_of(workspace))
            (shown,) = ttsdash_json(workspace, "jobs", "list")
            assert shown["state"] == "interrupted"
            assert shown["stage"].startswith("finished, waits to be stored")
        assert kept(workspace) == [(job_id, 1)]
    start_worker(workspace)
    assert_stored(kind, workspace, db, job_id)


def test_a_job_that_is_cancelled_while_it_waits_stores_nothing_and_leaves_nothing(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    worker, _ = start_worker(workspace)
    job_id = submit_one("variant", workspace, db, voice)
    wait_until(lambda: get_job(db, job_id).process_group)
    with locked(workspace.data_db):
        wait_until(lambda: kept(workspace))
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: not processes_of(workspace))
    assert ttsdash(workspace, "jobs", "cancel", job_id).returncode == 0
    assert get_job(db, job_id).state == "cancelled"
    assert [variant.name for variant in get_voice(db, voice.key).variants] == ["original"]
    assert (kept(workspace), leftover_files(workspace)) == ([], [])


@pytest.mark.parametrize("damage", ["{", "{}", '{"result": {}, "benchmark": {"results": [1]}}'][0 if LONG else 2 :])
def test_kept_work_that_cannot_be_read_is_dropped_and_the_job_runs_again(
    damage: str, workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    job_id = submit_one("benchmark", workspace, db, voice)
    assert claim(db)
    path = workspace.finished(job_id, 1)
    path.parent.mkdir()
    path.write_text(damage)
    start_worker(workspace)
    job = wait_for_end(db, job_id)
    assert (job.state, job.attempt) == ("succeeded", 2)
    assert not kept(workspace)
    assert "what it had kept cannot be stored" in workspace.worker_log.read_text()


def test_a_variant_whose_draft_was_changed_while_it_was_kept_is_made_again(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    worker, _ = start_worker(workspace)
    job_id = submit_one("variant", workspace, db, voice)
    wait_until(lambda: get_job(db, job_id).process_group)
    with locked(workspace.data_db):
        wait_until(lambda: kept(workspace))
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: not processes_of(workspace))
        (draft,) = workspace.optimized_models.rglob(f".job{job_id}.*.onnx")
        draft.write_bytes(b"changed")
    start_worker(workspace)
    job = wait_for_end(db, job_id)
    assert (job.state, job.attempt) == ("succeeded", 2)
    variant = get_voice(db, job.voice).variant("dynamic-int8-guide")
    assert checksum_of(Path(variant.path)) == variant.sha256


def test_the_error_of_a_job_that_fails_while_the_store_is_locked_is_kept(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    submit(workspace, db, variant_job(voice, "guide"))
    job = claim(db)
    assert job
    Path(voice.path).write_bytes(b"changed")
    thread = threading.Thread(target=lambda: run(workspace, job.id))
    with locked(workspace.data_db):
        thread.start()
        log = workspace.job_log(job.id)
        wait_until(lambda: log.exists() and "has changed since it was added" in log.read_text())
    thread.join()
    assert "has changed since it was added" in str(get_job(db, job.id).error)


def run(workspace: Workspace, job_id: int) -> None:
    db = open_store(workspace)
    JobProcess(workspace, db, get_job(db, job_id)).run_to_end(threading.Event())
    db.close()


@linux_only
@pytest.mark.parametrize(
    ("mode", "statements"),
    [
        ("wal", ["BEGIN IMMEDIATE"]),
        ("wal", ["BEGIN EXCLUSIVE"]),
        ("delete", ["BEGIN IMMEDIATE"]),
        ("delete", ["BEGIN EXCLUSIVE"]),
        ("delete", ["BEGIN", "SELECT * FROM sqlite_schema"]),
    ],
)
def test_whoever_locks_the_store_is_named(
    mode: str, statements: list[str], workspace: Workspace, db: sqlite3.Connection, impatient: None
) -> None:
    other = open_store(workspace)
    # The only connection, for nobody else may be connected; and the last to open the store, which would choose the mode.
    db.close()
    assert other.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0] == mode
    assert lock_holders(workspace.data_db) == set()
    with locked(workspace.data_db, *statements) as pid:
        assert lock_holders(workspace.data_db) == {pid}
        with pytest.raises(StoreLocked) as caught, transaction(other):
            pass
        assert format_error(caught.value) == (
            f"{workspace.data_db} is locked by {name_of(pid)} (pid {pid}): close it there, or end its open transaction, "
            "then try again"
        )
    with transaction(other):
        pass


def test_a_reader_of_a_write_ahead_log_locks_nobody_out(workspace: Workspace, db: sqlite3.Connection) -> None:
    with locked(workspace.data_db, "BEGIN", "SELECT * FROM sqlite_schema"):
        assert lock_holders(workspace.data_db) == set()
        with transaction(db):
            pass


def test_where_the_system_does_not_list_who_holds_a_lock_another_program_is_named(
    workspace: Workspace, db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("core.store.locked._PROC_LOCKS", tmp_path / "none")
    with locked(workspace.data_db):
        assert locked_by(workspace.data_db) == "locked by another program"


def test_a_command_names_who_locks_the_store_without_a_word_of_disk_space(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    db.close()
    with locked(workspace.data_db, "PRAGMA journal_mode = DELETE", "BEGIN EXCLUSIVE"):
        message = refused(ttsdash(workspace, "jobs", "list"), 1)
    assert message.startswith(f"{workspace.data_db} is locked by ")
    assert message.endswith(": close it there, or end its open transaction, then try again")


def test_a_worker_that_is_started_while_the_store_is_locked_begins_once_it_is_free(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    worker, _ = start_worker(workspace)
    job_id = submit_one("benchmark", workspace, db, voice)
    wait_for_progress(db, job_id)
    os.kill(worker.pid, signal.SIGKILL)
    wait_until(lambda: not processes_of(workspace))
    started = threading.Thread(target=lambda: start_worker(workspace))
    with locked(workspace.data_db):
        started.start()
        wait_until(lambda: processes_of(workspace))
    started.join()
    wait_until(lambda: running_worker(workspace))
    assert wait_for_end(db, job_id).state == "succeeded"
