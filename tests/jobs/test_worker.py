"""The worker with real processes: the jobs it finishes and the failures it survives."""

import contextlib
import os
import pickle
import pty
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from core.errors import InvalidInput
from core.hardware.machine import this_machine
from core.records.jobs import NewJob
from core.records.resources import Resources
from core.records.voices import Voice
from core.store.database import transaction
from core.store.jobs import add_job, get_job, list_events
from core.store.lifecycle import claim, record_process
from core.store.queue_control import cancel, retry
from core.store.results import list_results
from core.store.selections import list_selections
from core.store.voices import get_voice
from core.variants.checksums import checksum_of
from core.variants.variant_files import variant_folder, variant_path
from core.workspace import Workspace
from jobs.job_process import JobProcess
from jobs.lock import take_lock
from jobs.process_groups import TAG
from jobs.recovery import environment_tag
from jobs.submit import OptimizeRequest, Scheduling, benchmark_job, submit, submit_optimize, variant_job, wake
from jobs.worker_control import reap_cancelled, start_worker, stop_worker, worker_status
from tests.running import (
    environment,
    leftover_files,
    processes_of,
    reset_signal_handlers,
    ttsdash,
    wait_for_end,
    wait_for_progress,
    worker_children,
)
from tests.waiting import wait_until


def test_a_job_fails_if_its_sentences_changed_while_it_was_queued(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    sentences = tmp_path / "mine.txt"
    sentences.write_text("One, two.\n", encoding="utf-8")
    (job_id,) = submit(workspace, db, variant_job(voice, "static", {}, str(sentences)))
    sentences.write_text("Three, four.\n", encoding="utf-8")
    start_worker(workspace)
    job = wait_for_end(db, job_id)
    assert job.state == "failed"
    assert job.error is not None
    assert "mine.txt has changed since static-int8+calibration=mine-" in job.error


@pytest.fixture
def benchmark(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> int:
    """A running benchmark that has begun to measure."""
    start_worker(workspace)
    (job_id,) = submit(workspace, db, benchmark_job(voice, []))
    wait_for_progress(db, job_id)
    return job_id


def test_a_benchmark_runs_after_its_quantize_job_and_both_succeed(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    quantize_id, benchmark_id = submit_optimize(workspace, db, voice, OptimizeRequest(["guide"], benchmark=True)).ids
    start_worker(workspace)

    assert wait_for_end(db, benchmark_id).state == "succeeded"
    first, second = get_job(db, quantize_id), get_job(db, benchmark_id)
    assert first.state == "succeeded"
    assert first.finished_at is not None
    assert second.started_at is not None
    assert first.finished_at <= second.started_at
    variant = get_voice(db, voice.key).variant("dynamic-int8-guide")
    assert first.result == {"variant": {**variant.__dict__}}
    assert Path(variant.path).with_name("dynamic-int8-guide.onnx.json").is_file()
    assert {result.variant for result in list_results(db)} == {"original", "dynamic-int8-guide"}
    assert leftover_files(workspace) == []


def test_a_job_whose_worker_was_killed_succeeds_once_on_the_second_attempt(
    workspace: Workspace, db: sqlite3.Connection, benchmark: int
) -> None:
    worker = worker_status(workspace).pid
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not processes_of(workspace), timeout=5)

    start_worker(workspace)

    job = wait_for_end(db, benchmark)
    assert (job.state, job.attempt) == ("succeeded", 2)
    events = [event.event for event in list_events(db, benchmark)]
    assert events == ["queued", "started", "requeued", "started", "succeeded"]
    assert len({result.benchmark_id for result in list_results(db)}) == 1
    assert leftover_files(workspace) == []


@pytest.mark.long
def test_a_killed_conversion_is_repeated_and_its_variant_is_measured_where_possible(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    pytest.importorskip("coremltools")
    start_worker(workspace)
    (convert_id,) = submit_optimize(workspace, db, voice, OptimizeRequest(["coreml"])).ids
    new_benchmark = benchmark_job(voice, ["coreml"], threads=[1])
    (benchmark_id,) = submit(workspace, db, new_benchmark, scheduling=Scheduling(after=(convert_id,)))
    wait_until(lambda: get_job(db, convert_id).stage == "lowering flow and decoder")
    for process in processes_of(workspace):
        process.kill()
    wait_until(lambda: not processes_of(workspace), timeout=5)
    assert not variant_folder(workspace, voice.key, "coreml").exists()

    start_worker(workspace)

    assert wait_for_end(db, benchmark_id).state == "succeeded"
    assert (get_job(db, convert_id).kind, get_job(db, convert_id).attempt) == ("convert", 2)
    variant = get_voice(db, voice.key).variant("coreml")
    assert checksum_of(Path(variant.path)) == variant.sha256
    assert leftover_files(workspace) == []
    if sys.platform != "darwin":
        assert variant.caveat == "converted, not yet run on a Mac"
        rows = [result for result in list_results(db) if result.variant == "coreml"]
        assert {result.speedup for result in rows} == {None}
        assert {result.unmeasured["speedup"] for result in rows} == {"it needs macOS; converted, not yet run on a Mac"}
        assert {result.grade for result in rows} == {"transparent"}
        assert {result.program_db for result in rows} == {variant.params["program_db"]}
        assert variant.params["program_db"] >= 40
        history = list_selections(db, voice.id, this_machine().id)
        assert [entry.cause for entry in history][-1] == f"job {convert_id}"
        assert history[0].selection.selected == "original"


def test_a_running_job_is_cancelled_within_two_seconds_and_leaves_no_files(
    workspace: Workspace, db: sqlite3.Connection, benchmark: int
) -> None:
    assert len(worker_children(workspace)) >= 2
    cancel(db, benchmark)
    wait_until(lambda: get_job(db, benchmark).state == "cancelled", timeout=2)
    wait_until(lambda: not worker_children(workspace), timeout=1)
    assert leftover_files(workspace) == []
    assert list_results(db) == []


def test_a_job_cancelled_between_claim_and_start_also_ends(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    (job_id,) = submit(workspace, db, benchmark_job(voice, []))
    job = claim(db)
    assert job is not None
    assert cancel(db, job_id) == "asked"
    JobProcess(workspace, db, job).run_to_end(threading.Event())
    assert get_job(db, job_id).state == "cancelled"
    assert processes_of(workspace) == []
    assert leftover_files(workspace) == []


def test_a_quantize_job_cancelled_at_any_moment_leaves_no_partial_file(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    start_worker(workspace)
    (job_id,) = submit(workspace, db, variant_job(voice, "optimized"))
    scratch = workspace.scratch(job_id)
    wait_until(lambda: (scratch.exists() and any(scratch.iterdir())) or get_job(db, job_id).ended)
    with contextlib.suppress(InvalidInput):
        cancel(db, job_id)
    wait_for_end(db, job_id)
    wait_until(lambda: leftover_files(workspace) == [], timeout=5)


def test_a_cancelled_job_can_be_retried(workspace: Workspace, db: sqlite3.Connection, benchmark: int) -> None:
    cancel(db, benchmark)
    wait_for_end(db, benchmark)
    assert retry(db, benchmark) == [benchmark]
    wake(workspace)
    assert wait_for_end(db, benchmark).state == "succeeded"


def test_stopping_lets_the_running_job_finish_and_starts_no_other(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, benchmark: int
) -> None:
    (waiting,) = submit(workspace, db, benchmark_job(voice, []))
    stop_worker(workspace)
    assert get_job(db, benchmark).state == "succeeded"
    assert get_job(db, waiting).state == "queued"
    assert not worker_status(workspace).running


def test_stopping_at_once_requeues_the_job_without_using_an_attempt(
    workspace: Workspace, db: sqlite3.Connection, benchmark: int
) -> None:
    stop_worker(workspace, at_once=True)
    job = get_job(db, benchmark)
    assert (job.state, job.last_attempt - job.attempt) == ("queued", 3)
    assert processes_of(workspace) == []
    assert [event.event for event in list_events(db, benchmark)] == ["queued", "started", "requeued"]


def test_stopping_at_once_also_ends_a_draining_worker(
    workspace: Workspace, db: sqlite3.Connection, benchmark: int
) -> None:
    pid = worker_status(workspace).pid
    assert pid is not None
    os.kill(pid, signal.SIGINT)
    stop_worker(workspace, at_once=True)
    assert get_job(db, benchmark).state in ("queued", "succeeded")


def test_a_worker_ignores_a_hangup(workspace: Workspace, db: sqlite3.Connection, benchmark: int) -> None:
    pid = worker_status(workspace).pid
    assert pid is not None
    os.kill(pid, signal.SIGHUP)
    assert wait_for_end(db, benchmark).state == "succeeded"
    assert worker_status(workspace).pid == pid


def test_ten_simultaneous_starts_result_in_one_worker(workspace: Workspace) -> None:
    with ThreadPoolExecutor(10) as pool:
        done = list(pool.map(lambda _: ttsdash(workspace, "worker", "start"), range(10)))
    assert [process.returncode for process in done] == [0] * 10
    assert sum("worker started" in process.stdout for process in done) == 1
    pid = worker_status(workspace).pid
    wait_until(lambda: [process.pid for process in processes_of(workspace)] == [pid], timeout=10)


def test_a_job_continues_when_the_terminal_that_queued_it_closes(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    controller, terminal = pty.openpty()
    command = ["-P", "-m", "tui.cli", "benchmark", voice.key, "--wait"]
    waiting = subprocess.Popen(
        [sys.executable, *command],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        env=environment(workspace),
        preexec_fn=_take_terminal,
    )
    os.close(terminal)
    wait_for_progress(db, wait_until(lambda: next(iter(worker_status(workspace).jobs), None)))
    os.close(controller)
    assert waiting.wait(10) != 0
    assert wait_for_end(db, 1).state == "succeeded"


def _take_terminal() -> None:
    """Make standard input the controlling terminal, so that closing it causes a hang-up."""
    import fcntl
    import termios

    reset_signal_handlers()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_a_job_of_an_unknown_kind_fails_with_one_line(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    start_worker(workspace)
    job = wait_for_end(db, *submit(workspace, db, NewJob("teleport", voice.id, None, {})))
    assert (job.state, job.error) == ("failed", "unknown kind of job: 'teleport' (update ttsdash)")


def test_a_job_with_an_unexpected_error_keeps_the_traceback_in_its_log(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    start_worker(workspace)
    broken = NewJob("benchmark", voice.id, None, {"no": "variants"}, resources=Resources(exclusive=True))
    job = wait_for_end(db, *submit(workspace, db, broken))
    assert (job.state, job.error) == ("failed", "KeyError: 'variants'")
    assert "Traceback" in workspace.job_log(job.id).read_text()


def test_a_quantize_job_for_a_missing_voice_fails_and_its_benchmark_is_cancelled(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    Path(voice.path).unlink()
    quantize_id, benchmark_id = submit_optimize(workspace, db, voice, OptimizeRequest(["guide"], benchmark=True)).ids
    start_worker(workspace)
    failed = wait_for_end(db, quantize_id)
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error.startswith(f"cannot read {voice.path}")
    waiting = wait_for_end(db, benchmark_id)
    assert (waiting.state, waiting.error) == ("cancelled", f"job {quantize_id}, which it waits for, failed")
    assert not variant_path(workspace, voice.key, "dynamic-int8").exists()


def test_a_voice_that_changed_since_it_was_added_is_not_quantized(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    with Path(voice.path).open("ab") as file:
        file.write(b"\0")
    start_worker(workspace)
    job = wait_for_end(db, *submit(workspace, db, variant_job(voice, "guide")))
    assert job.error == f"{voice.path} has changed since it was added: add it again (ttsdash voices add {voice.path})"


def test_a_benchmark_never_runs_at_the_same_time_as_another_job(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    quantize_job = variant_job(voice, "guide")
    ids = submit(workspace, db, quantize_job, benchmark_job(voice, []), quantize_job)
    start_worker(workspace, slots=3)
    spans = []
    for job_id in ids:
        job = wait_for_end(db, job_id)
        assert job.state == "succeeded"
        spans.append((job.started_at, job.finished_at))
    (_, first_end), (start, end), (last_start, _) = spans
    assert str(first_end) <= str(start)
    assert str(end) <= str(last_start)


class _Exploit:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.proof}",)


@pytest.mark.parametrize("content", ["a pickle", "rubbish", "JSON of another shape", "an unknown task", "an odd time"])
def test_a_foreign_message_in_the_queue_runs_no_code_and_loses_no_job(
    content: str, workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    proof = tmp_path / "proof"
    start_worker(workspace)
    message = {
        "a pickle": pickle.dumps(_Exploit(proof)),
        "rubbish": b"\xff\x00 rubbish",
        "JSON of another shape": b'{"id": 1}',
        "an unknown task": b'["id", "os.system", null, 0, 0, null, ["touch x"], {}, null, null, null, null, null, null, 0]',
        "an odd time": b'["id", "run_next", "2026-01-01T00:00:00+01:00", 0, 0, 0, [], {}, null, null, null, null, null, null, 0]',
    }[content]
    queue = sqlite3.connect(workspace.queue_db)
    with queue:
        queue.execute("INSERT INTO task (queue, data, priority) VALUES ('ttsdash', ?, 9)", (message,))
    queue.close()
    job = wait_for_end(db, *submit(workspace, db, variant_job(voice, "guide")))
    assert job.state == "succeeded"
    assert not proof.exists()


def test_jobs_survive_a_lost_or_damaged_queue_file(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    (first,) = submit(workspace, db, variant_job(voice, "guide"))
    for file in workspace.root.glob("queue.db*"):
        file.unlink()
    workspace.queue_db.write_bytes(b"this is not a database" * 100)
    (second,) = submit(workspace, db, variant_job(voice, "guide"))
    start_worker(workspace)
    assert [wait_for_end(db, job_id).state for job_id in (first, second)] == ["succeeded", "succeeded"]


def test_a_job_fails_after_its_worker_died_three_times(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    with transaction(db):
        job_id = add_job(db, benchmark_job(voice, []))
    for _ in range(3):
        assert claim(db) is not None
        reap_cancelled(workspace)  # as the next worker does at its start
    job = get_job(db, job_id)
    assert (job.state, job.attempt) == ("failed", 3)
    assert job.error == "given up after 3 attempts: its worker died; see its log"


def test_processes_left_by_a_dead_worker_are_killed_and_unrelated_ones_are_not(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    submit(workspace, db, benchmark_job(voice, []))
    job = claim(db)
    assert job is not None
    # The group leader has ended. A process it started still runs, and so does an unrelated one with the same group ID.
    tagged = {**os.environ, TAG: environment_tag(workspace, job)}
    left = subprocess.Popen(
        ["sh", "-c", "sleep 600 & env -i sleep 601 & exec sleep 602"], start_new_session=True, env=tagged
    )
    wait_until(lambda: {entry.name() for entry in psutil.Process(left.pid).children()} == {"sleep"})
    left_over, unrelated = sorted(psutil.Process(left.pid).children(), key=lambda entry: entry.cmdline()[-1])
    record_process(db, job, left.pid)
    left.kill()
    left.wait()
    try:
        reap_cancelled(workspace)
        wait_until(lambda: not left_over.is_running() or left_over.status() == psutil.STATUS_ZOMBIE, timeout=5)
        assert unrelated.is_running()
    finally:
        unrelated.kill()


def test_a_job_can_be_cancelled_when_no_worker_is_running(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    (job_id,) = submit(workspace, db, benchmark_job(voice, []))
    claim(db)
    done = ttsdash(workspace, "jobs", "cancel", job_id)
    assert (done.returncode, done.stdout) == (0, f"job {job_id}: cancelled\n")


def test_the_lock_has_one_holder_and_is_released_with_it(workspace: Workspace) -> None:
    lock = take_lock(workspace)
    assert lock is not None
    assert take_lock(workspace) is None
    del lock
    assert take_lock(workspace) is not None


def test_a_worker_does_not_start_with_a_damaged_store(workspace: Workspace) -> None:
    workspace.data_db.write_bytes(b"not a database" * 400)
    with pytest.raises(InvalidInput, match=r"cannot use .*data\.db \(file is not a database\)"):
        start_worker(workspace)


def test_logs_and_databases_are_readable_only_by_the_owner(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    start_worker(workspace)
    wait_for_end(db, *submit(workspace, db, variant_job(voice, "guide")))
    files = [path for path in workspace.root.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"data.db", "queue.db", "1.log", "worker.log", "dynamic-int8-guide.onnx"}
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}
