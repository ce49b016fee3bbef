"""Workspaces with a fixed history: the same times, names and figures at each run."""

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from core.hardware.machine import Environment, Machine
from core.records.benchmarks import BenchmarkRecord, ResultRecord
from core.records.job_states import ENDED
from core.records.jobs import Limits, NewJob
from core.records.resources import Resources
from core.records.selections import CandidateStatus, Decision, Selection
from core.records.voices import Variant
from core.store.database import open_store, transaction
from core.store.jobs import add_event, add_job
from core.store.results import put_benchmark
from core.store.selections import put_selection
from core.store.voices import put_variant
from core.variants.recipes import Recipe
from core.workspace import Workspace
from jobs.lock import WorkerInfo
from jobs.process_groups import start_token

AMY, JOE = "a" * 64, "b" * 64
MADE, CONVERTED = "c" * 64, "d" * 64
MACHINE = Machine("0123456789ab", {"cpu": "Example CPU 9000", "cores": 2})


@pytest.fixture
def fixed_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Return a workspace with the same path everywhere, in a fixed time zone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield Workspace(Path("workspace"))
    os.environ.pop("TZ", None)
    time.tzset()


@pytest.fixture
def every_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every recipe available, also those whose packages some machines lack."""
    monkeypatch.setattr(Recipe, "missing", None)


@pytest.fixture
def empty(fixed_place: Workspace) -> Workspace:
    open_store(fixed_place).close()
    return fixed_place


@pytest.fixture
def worked(full: Workspace) -> Workspace:
    """Return the full workspace with a running worker, which is this process."""
    announce(full, os.getpid())
    return full


@pytest.fixture
def left(full: Workspace) -> Workspace:
    """Return the full workspace, last visited before any job ended."""
    with closing(open_store(full)) as db:
        db.execute("UPDATE queue SET visited_event = 0, visited_at = '2024-01-01T18:00:00.000Z'")
    return full


def announce(workspace: Workspace, pid: int, **more: Any) -> None:
    """Announce a living process as the worker."""
    info = WorkerInfo(pid, start_token(pid) or "", "2024-01-02T09:00:00.000Z", "1.0", 2, 4, 8000, **more)
    workspace.worker_lock.write_text(json.dumps(asdict(info)))


@pytest.fixture
def full(fixed_place: Workspace) -> Workspace:
    """Return a workspace with two voices, one of them with a measured variant, and jobs in every state."""
    db = open_store(fixed_place)
    with transaction(db):
        _voices(db)
        _jobs(db)
        _results(db)
        _selections(db)
    db.close()
    return fixed_place


def _voices(db: sqlite3.Connection) -> None:
    parts = [
        ("text", 885, 25_400_000),
        ("duration", 1461, 2_200_000),
        ("flow", 293, 28_400_000),
        ("decoder", 68, 6_700_000),
    ]
    anatomy = {
        "opset": 15,
        "nodes": 2755,
        "parts": [{"name": name, "nodes": nodes, "weight_bytes": size} for name, nodes, size in parts],
        "upsampling_stages": 3,
    }
    for identity, key in ((AMY, "en_US-amy-medium"), (JOE, "en_US-joe-medium")):
        path = f"voices/{key}.onnx"
        touch(path)
        db.execute(
            """INSERT INTO voices VALUES (?, ?, ?, 63201294, 22050, 1, 'en_US', '{}', ?, '2024-01-02T09:00:00.000Z', ?)""",
            (identity, key, path, json.dumps(anatomy), key),
        )
        put_variant(db, identity, _variant(key, "original", identity, path, 63_201_294, None))
    put_variant(
        db,
        JOE,
        _variant("en_US-joe-medium", "dynamic-int8-guide", MADE, "models/dynamic-int8-guide.onnx", 18_681_619, "guide"),
    )
    for path in ("models/dynamic-int8-guide.onnx", "models/coreml"):
        touch(path)
    put_variant(db, JOE, _variant("en_US-joe-medium", "coreml", CONVERTED, "models/coreml", 31_711_204, "coreml"))


def touch(path: str) -> None:
    """Create an empty file in place of a variant."""
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).touch()


def _variant(voice: str, name: str, sha256: str, path: str, size: int, recipe: str | None) -> Variant:
    return Variant(
        voice=voice,
        name=name,
        path=path,
        size_bytes=size,
        sha256=sha256,
        recipe=recipe,
        params={"weight_type": "QUInt8", "per_channel": False} if recipe else {},
        source_sha256=JOE if recipe else None,
        tools={"onnxruntime": "1.32.0", "onnx": "1.23.2"} if recipe else {},
        job_id=None,
        created_at="2024-01-02T09:01:00.000Z",
    )


def _jobs(db: sqlite3.Connection) -> None:
    def add(kind: str, voice: str, variant: str | None = None, **more: Any) -> int:
        need = Resources(exclusive=True) if kind == "benchmark" else Resources(2, 1034)
        params = {"recipe": "guide"} if variant else {"variants": []}
        return add_job(db, NewJob(kind, voice, variant, params, need, Limits(6 * 3600, 3200), **more))

    def put(job_id: int, state: str, **values: Any) -> None:
        columns = {"state": state, "attempt": 1, "started_at": "2024-01-02T09:02:00.000Z"} | values
        db.execute(
            f"UPDATE jobs SET {', '.join(f'{name} = :{name}' for name in columns)} WHERE id = :id",
            columns | {"id": job_id},
        )
        if state in ENDED:
            add_event(db, job_id, state, values.get("error"))

    made = add("quantize", JOE, "dynamic-int8-guide")
    measured = add("benchmark", JOE)
    failed = add("quantize", AMY, "dynamic-int8-guide")
    cancelled = add("benchmark", AMY, after=(failed,))
    running = add("benchmark", JOE)
    waiting = add("quantize", AMY, "dynamic-int8-guide")
    add("benchmark", AMY, after=(waiting,))
    add("quantize", JOE, "static-int8", not_before="2099-01-02T02:00:00.000Z")
    db.execute("UPDATE jobs SET created_at = '2024-01-02T09:01:30.000Z'")
    ended = "2024-01-02T09:03:05.000Z"
    bill = {"machine_id": MACHINE.id, "seconds": 65.0, "cpu_seconds": 101.3, "peak_mb": 820.0}
    put(made, "succeeded", finished_at=ended, **bill)
    put(measured, "succeeded", finished_at=ended, **bill)
    add_event(
        db, measured, "hook failed", "notify-send ended with code 1: Cannot autolaunch D-Bus without X11 $DISPLAY"
    )
    error = "cannot read /voices/en_US-amy-medium.onnx (No such file or directory): put it back"
    put(failed, "failed", finished_at=ended, error=error)
    why = f"job {failed}, which it waits for, failed"
    put(cancelled, "cancelled", attempt=0, started_at=None, finished_at=ended, error=why)
    put(running, "running", attempt=1)
    add_event(db, running, "requeued", "its worker died")
    put(running, "running", attempt=2, stage="pair 4 of 10, 1 thread", progress=0.4, cpu_percent=147.0, rss_mb=620.0)


def _results(db: sqlite3.Connection) -> None:
    results = []
    for threads, speedup, low, high, verdict in (
        (1, 1.16, 1.13, 1.24, "faster"),
        (2, 1.02, 0.95, 1.06, "no difference"),
    ):
        results.append(
            _result("original", JOE, threads, 1.0, 1.0, 1.0, "no difference", 63_201_294, 0.0, "transparent")
        )
        results.append(
            _result("dynamic-int8-guide", MADE, threads, speedup, low, high, verdict, 18_681_619, 10.5, "broken")
        )
        results.append(_untimed(threads))
    record = BenchmarkRecord(
        id="benchmark-1",
        voice_id=JOE,
        voice_key="en_US-joe-medium",
        machine=MACHINE,
        environment=Environment("ba9876543210", {"os": "Linux", "python": "3.11.7", "onnxruntime": "1.32.0"}),
        version="feedc0ffee00",
        texts={"name": "en v1"},
        load={"noisy": False},
        created_at="2024-01-02T09:03:00.000Z",
        results=tuple(results),
    )
    put_benchmark(db, record, None)


def _selections(db: sqlite3.Connection) -> None:
    no_mac = "needs macOS on Apple silicon; converted, not yet run on a Mac"
    selection = Selection(
        voice="en_US-joe-medium",
        policy="priority",
        pinned=None,
        selected="original",
        reason="no variant that ranks higher can be used",
        candidates=(
            Decision("coreml", CandidateStatus.REJECTED, no_mac),
            Decision("original", CandidateStatus.SELECTED, "no variant that ranks higher can be used"),
            Decision("dynamic-int8-guide", CandidateStatus.REJECTED, "made by the guide's recipe, for comparison only"),
        ),
    )
    put_selection(db, JOE, MACHINE, selection, JOE, "job 2")


def _untimed(threads: int) -> ResultRecord:
    """Return a result of the Core ML variant, which was evaluated but not timed."""
    made = _result("coreml", CONVERTED, threads, 1.0, 1.0, 1.0, "no difference", 31_711_204, 0.1, "transparent").figures
    empty = dict.fromkeys(
        ("speedup", "speedup_low", "speedup_high", "verdict", "rtf", "latency_ms", "latency_p90_ms", "load_s")
    )
    empty |= dict.fromkeys(("peak_rss_mb", "bare_rss_mb"))
    why = "it needs macOS; converted, not yet run on a Mac"
    evaluated = {"engine": "coreml-evaluated", "recipe": "coreml", "pairs": 0, "unmeasured": {"speedup": why}}
    return ResultRecord.from_figures(made | empty | evaluated)


def _result(
    variant: str,
    sha256: str,
    threads: int,
    speedup: float,
    low: float,
    high: float,
    verdict: str,
    size: int,
    mel: float,
    grade: str,
) -> ResultRecord:
    figures = {
        "id": f"{variant}-{threads}",
        "variant": variant,
        "variant_sha256": sha256,
        "recipe": None if variant == "original" else "guide",
        "engine": "onnxruntime",
        "threads": threads,
        "stock": threads == 2,
        "pairs": 10,
        "speedup": speedup,
        "speedup_low": low,
        "speedup_high": high,
        "verdict": verdict,
        "rtf": 0.09 / threads / speedup,
        "latency_ms": 320 / threads / speedup,
        "latency_p90_ms": 340 / threads / speedup,
        "original_latency_ms": 320 / threads,
        "load_s": 0.6,
        "peak_rss_mb": 533.0 if variant == "original" else 435.0,
        "bare_rss_mb": 51.4,
        "energy_j": None,
        "size_bytes": size,
        "duration_drift_pct": 0.0 if variant == "original" else 0.1,
        "mel_db": mel,
        "pesq": None,
        "estoi": None,
        "defects": {"clipped": 0, "silent": 0, "not_finite": 0},
        "grade": grade,
        "noisy": False,
        "unmeasured": {},
    }
    return ResultRecord.from_figures(figures)
