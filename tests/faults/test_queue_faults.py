"""The queue under fire: its processes are killed at random, and its disk fills or is read-only while they work."""

import logging
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from core.files import sha256_of
from core.records.job_states import ENDED
from core.records.jobs import ATTEMPTS, NewJob
from core.records.resources import DEFAULT_RESOURCES
from core.records.voices import Voice
from core.store.database import open_store
from core.store.jobs import get_job, list_events, list_jobs, list_queued, open_ids
from core.store.queue_control import retry_failed
from core.store.voices import get_voice, list_voices
from core.variants.checksums import integrity_error
from core.voices.file import config_path_of, read_voice
from core.workspace import Workspace
from jobs.lock import WorkerInfo, running_worker
from jobs.process_groups import is_alive
from jobs.submit import benchmark_job, submit, variant_job, wake
from jobs.worker_control import start_worker, stop_worker
from tests.factories import add_voice
from tests.long_runs import LONG
from tests.running import leftover_files, processes_of, wait_for_end
from tests.vits import TINY, write_voice
from tests.waiting import wait_until

# By hand the programs that are started may have every core.
pytestmark = [pytest.mark.all_cores] if LONG else []

_TARGETS = ("worker", "child", "child's group", "worker and child")
_PAUSE_S = 2.0
_LOOK_S = 0.004
_log = logging.getLogger(__name__)


def dealt(dice: random.Random, cards: Sequence[str]) -> Iterator[str]:
    """The cards, shuffled, over and over again."""
    while True:
        yield from dice.sample(cards, len(cards))


class Fire:
    """Kills the worker and its children at moments that it draws; none of the jobs more often than it is tried again."""

    def __init__(
        self, workspace: Workspace, db: sqlite3.Connection, dice: random.Random, slots: int, at_once: int
    ) -> None:
        self._workspace, self._db, self._dice, self._slots, self._at_once = workspace, db, dice, slots, at_once
        self._moments = {
            "at any time": self._running,
            "just claimed": self._just_claimed,
            "half made": lambda: self._draft(".job*"),
            "renamed, not committed": lambda: self._draft(".job*.absent") or self._draft(".job*.replaced"),
            "handed in": self._handed_in,
            "another just ended": self._after_an_end,
        }
        self._targets = dealt(dice, _TARGETS)
        self._ended = 0
        self._hits: Counter[int] = Counter()
        self.struck: Counter[str] = Counter()
        self.workers: list[WorkerInfo] = []
        self._start_workers(1)

    def strike(self, kills: int, jobs: int) -> None:
        """Kill so often while so many jobs run, as evenly as chance will have it."""
        for number in range(kills):
            self._await_ends(number * jobs // (kills + 1))
            target = next(self._targets)
            while not self._strike(target):
                assert open_ids(self._db), f"all jobs had ended after {number} kills"
            if not is_alive(self.workers[-1].pid, self.workers[-1].birth):
                self._start_workers(self._dice.choice((1, self._at_once)))

    def _await_ends(self, count: int) -> None:
        wait_until(lambda: len(list_jobs(self._db, ENDED, limit=count)) == count, timeout=600)

    def _strike(self, target: str) -> bool:
        moment = self._dice.choice(list(self._moments))
        if moment == "at any time":
            time.sleep(self._dice.uniform(0, _PAUSE_S))
        deadline = time.monotonic() + _PAUSE_S
        while time.monotonic() < deadline:
            job_id = self._moments[moment]()
            if job_id and self._kill(target, job_id):
                self.struck[f"{target}, {moment}"] += 1
                return True
            time.sleep(_LOOK_S)
        return False

    def _kill(self, target: str, job_id: int) -> bool:
        """What the worker may be claiming at this moment counts as hit, too."""
        child = get_job(self._db, job_id).process_group
        beside = [*list_jobs(self._db, ("running",)), *list_queued(self._db, self._slots)]
        hit = {job_id, *(job.id for job in beside if "worker" in target)}
        if any(self._hits[entry] >= ATTEMPTS - 1 for entry in hit) or (target != "worker" and child is None):
            return False
        self._hits.update(hit)
        if "worker" in target:
            os.kill(self.workers[-1].pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            if target == "child's group":
                os.killpg(int(child or 0), signal.SIGKILL)
            elif target != "worker":
                os.kill(int(child or 0), signal.SIGKILL)
        if "worker" in target:
            wait_until(lambda: not is_alive(self.workers[-1].pid, self.workers[-1].birth))
        return True

    def _start_workers(self, count: int) -> None:
        """Of several that are started at once one works."""
        with ThreadPoolExecutor(count) as pool:
            found = pool.map(lambda _: start_worker(self._workspace, self._slots)[0], range(count))
        (worker,) = {info.pid: info for info in found}.values()
        self.workers.append(worker)

    def _running(self) -> int | None:
        running = list_jobs(self._db, ("running",))
        return self._dice.choice(running).id if running else None

    def _just_claimed(self) -> int | None:
        return next((job.id for job in list_jobs(self._db, ("running",)) if job.stage == "starting"), None)

    def _draft(self, pattern: str) -> int | None:
        paths = self._workspace.optimized_models.glob(f"*/{pattern}")
        return next((int(path.name.removeprefix(".job").partition(".")[0]) for path in paths), None)

    def _handed_in(self) -> int | None:
        return next((job.id for job in list_jobs(self._db, ("running",)) if job.result), None)

    def _after_an_end(self) -> int | None:
        before, self._ended = self._ended, len(list_jobs(self._db, ENDED, limit=1000))
        return self._running() if before != self._ended else None


def write_voices(db: sqlite3.Connection, folder: Path, count: int) -> list[Voice]:
    shapes = [replace(TINY, seed=seed) for seed in range(count)]
    return [add_voice(db, read_voice(write_voice(folder, shape, f"voice{shape.seed}"))) for shape in shapes]


def checksums(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in folder.iterdir()}


def draw_jobs(voices: list[Voice], dice: random.Random, count: int) -> list[NewJob]:
    """Most of them make what others make, too; as many run side by side as there are slots."""
    recipes = ("guide", "guide", "guide", "optimized", "dynamic", "static", "int4") if LONG else ("guide",)
    jobs = [variant_job(dice.choice(voices), dice.choice(recipes)) for _ in range(count)]
    jobs[10::50] = [variant_job(dice.choice(voices), "coreml") for _ in jobs[10::50]]
    jobs = [replace(job, resources=DEFAULT_RESOURCES) for job in jobs]
    jobs[25::50] = [benchmark_job(dice.choice(voices), [], threads=[1]) for _ in jobs[25::50]]
    return jobs


def unknown_files(workspace: Workspace, db: sqlite3.Connection) -> list[Path]:
    """What lies in the workspace, and is neither the program's own nor a variant in place nor a recording."""
    known = {workspace.worker_lock, workspace.worker_log, workspace.settings_file}
    known |= {Path(f"{path}{end}") for path in (workspace.data_db, workspace.queue_db) for end in ("", "-wal", "-shm")}
    known |= {workspace.job_log(job.id) for job in list_jobs(db, limit=1000)}
    for path in (Path(variant.path) for voice in list_voices(db) for variant in voice.variants):
        known |= set(path.rglob("*")) if path.is_dir() else {path, config_path_of(path)}
    files = [path for path in workspace.root.rglob("*") if path.is_file()]
    return [path for path in files if path not in known and workspace.recordings not in path.parents]


def assert_whole(workspace: Workspace, db: sqlite3.Connection) -> None:
    """The store, the variants, and nothing beside."""
    assert [tuple(row) for row in db.execute("PRAGMA integrity_check")] == [("ok",)]
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert leftover_files(workspace) == []
    assert unknown_files(workspace, db) == []
    for voice in list_voices(db):
        for variant in voice.variants:
            assert integrity_error(Path(variant.path), variant.sha256, voice.config if variant.recipe else None) is None


def assert_ended_once(db: sqlite3.Connection, job_id: int) -> int:
    """Returns how often the job was interrupted."""
    job, events = get_job(db, job_id), list_events(db, job_id)
    interruptions = ["requeued", "started"] * (job.attempt - 1)
    assert job.state == "succeeded", (job.error, events)
    assert [event.event for event in events] == ["queued", "started", *interruptions, "succeeded"]
    reasons = {event.detail for event in events if event.event == "requeued"}
    assert reasons <= {"its worker died", "its process was killed (signal 9)"}
    return job.attempt - 1


def test_jobs_whose_worker_and_children_are_killed_at_random_end_exactly_once(
    workspace: Workspace, db: sqlite3.Connection, tmp_path: Path, seed: int
) -> None:
    count, kills = (200, 50) if LONG else (8, 4)
    dice = random.Random(seed)
    voices = write_voices(db, tmp_path / "voices", 4 if LONG else 2)
    originals = checksums(tmp_path / "voices")
    ids = submit(workspace, db, *draw_jobs(voices, dice, count))
    fire = Fire(workspace, db, dice, slots=2, at_once=10 if LONG else 2)
    fire.strike(kills, count)
    wait_until(lambda: not open_ids(db), timeout=20 * count)
    stop_worker(workspace)
    wait_until(lambda: not processes_of(workspace), timeout=5)

    interruptions = sum(assert_ended_once(db, job_id) for job_id in ids)
    assert_whole(workspace, db)
    assert checksums(tmp_path / "voices") == originals
    # In the order in which they died: no two ever worked at the same time.
    started = [int(pid) for pid in re.findall(r"worker started, pid (\d+)", workspace.worker_log.read_text())]
    assert started == [info.pid for info in fire.workers if info.pid in started]
    _log.info("%s workers, %s interruptions, %s", len(fire.workers), interruptions, dict(fire.struck))


@contextmanager
def mounted(at: Path, *how: str) -> Iterator[None]:
    """Skips the test where that is not allowed."""
    if sys.platform != "linux" or os.geteuid():
        pytest.skip("needs Linux and root, to mount a disk")
    if subprocess.run(["mount", *how, at], capture_output=True, check=False).returncode:
        pytest.skip("needs to mount a disk, which is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace on a small separate disk."""
    made = Workspace(tmp_path / "small")
    made.root.mkdir()
    with mounted(made.root, "-t", "tmpfs", "-o", "size=48m", "tmpfs"):
        yield made
        for process in processes_of(made):
            process.kill()


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """No byte can be written meanwhile."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
    yield
    ballast.unlink()


@pytest.mark.parametrize("stage", ["attempt 1", "quantizing", "checking", "storing"] if LONG else ["quantizing"])
def test_jobs_on_a_disk_that_fills_wait_or_say_so_and_succeed_once_there_is_room(
    small_disk: Workspace, tmp_path: Path, stage: str
) -> None:
    with closing(open_store(small_disk)) as db:
        voices = write_voices(db, tmp_path / "voices", 1)
        worker, _ = start_worker(small_disk)
        ids = submit(small_disk, db, *[variant_job(voices[0], "guide")] * 2)
        log = small_disk.job_log(ids[0])
        wait_until(lambda: log.exists() and stage in log.read_text())
        with filled(small_disk.root):
            wait_until(lambda: [process.pid for process in processes_of(small_disk)] == [worker.pid])
            time.sleep(_PAUSE_S)
        # Those that wait for room are looked at once a minute.
        wake(small_disk)
        wait_until(lambda: not open_ids(db))
        assert running_worker(small_disk) == worker
        assert {job.state for job in list_jobs(db)} <= {"succeeded", "failed"}
        errors = [job.error or "" for job in list_jobs(db, ("failed",))]
        assert all(re.search("disk (is nearly|was) full|No space left on device", error) for error in errors), errors

        retry_failed(db)
        wake(small_disk)
        wait_until(lambda: not open_ids(db))
        assert {job.state for job in list_jobs(db)} == {"succeeded"}
        stop_worker(small_disk)
        assert_whole(small_disk, db)


def test_a_job_that_may_not_write_is_reported_and_loses_nothing(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    start_worker(workspace)
    (first,) = submit(workspace, db, variant_job(voice, "guide"))
    wait_for_end(db, first)
    with mounted(workspace.optimized_models, "--bind", "-o", "ro", str(workspace.optimized_models)):
        (second,) = submit(workspace, db, variant_job(voice, "guide"))
        job = wait_for_end(db, second)
    assert job.state == "failed"
    assert str(job.error).startswith("Read-only file system (")
    assert str(job.error).endswith("): choose a folder that can be written to")
    assert get_voice(db, voice.key).variant("dynamic-int8-guide").job_id == first
    stop_worker(workspace)
    assert_whole(workspace, db)
