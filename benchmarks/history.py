"""Benchmark of a long history: how long each query takes in process, and each command as a whole process.

    python -m benchmarks.history [--results 100000] [--runs 20] [--home DIR]

The history is synthetic: 20 voices in 7 variants, on 3 machines with 5 environments, at one thread and at all cores, over
3 years, with 10 samples per result. It is kept in DIR, and reused if it is already there.
"""

import argparse
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.table import head, row
from core.clock import format_timestamp, now
from core.hardware.machine import Environment, Machine, this_environment, this_machine
from core.history.compare import compare_results, find_result, read_samples
from core.history.filter import read_filter
from core.history.listing import SORTS, list_page
from core.history.names import find_voice, variants_of
from core.history.pareto import compute_pareto
from core.history.prune import prunable, prune
from core.history.trend import list_trend, series
from core.records.benchmarks import BenchmarkRecord, ParallelRun, ResultRecord, Sample, Startup, TextMetrics
from core.records.verdict import speed_verdict
from core.records.voices import ORIGINAL
from core.store.database import open_store, transaction
from core.store.results import list_results, newest_result, put_benchmark
from core.workspace import Workspace

_VOICES, _IN_LIBRARY = 20, 15
_VARIANTS = (ORIGINAL, "optimized", "dynamic-int8", "static-int8", "int4", "dynamic-int8-guide", "static-int8+clip=max")
_MB = (63.2, 62.9, 23.4, 23.4, 13.9, 18.7, 23.4)
_SPEED = (1.0, 1.2, 1.8, 1.7, 1.5, 1.1, 1.7)
_GRADES = ("transparent", "transparent", "slight", "slight", "slight", "broken", "noticeable")
_PAIRS, _TEXTS = 10, ("short", "medium", "long")
_YEARS = 3

_PAGE = 50
_VOICE = "en_US-voice01-medium"
_FILTERS = (
    *("voice01", "int8", f"voice={_VOICE}", "voice:voice", "variant:int8", "machine:this", "engine:onnx", "recipe:dyn"),
    *("threads:1", "grade>=slight", "verdict:faster", "speedup>1.5", "rtf<0.05", "latency<200", "p90<200", "ttfa<200"),
    *("load<0.3", "throughput>10", "energy<5", "peak<300", "settled<300", "size<30", "pesq>2", "mel<3", "drift<0.1"),
    *("version:0", "benchmark:1a", "noisy:no", "regression:yes", "regression:no", "since:2w", "until:1y", "-int8"),
)
_TOGETHER = (
    "voice:voice01 grade>=slight speedup>1.5 machine:this since:26w",
    "voice:voice01 speedup>1.5",
    "machine:this noisy:no",
    "since:2y speedup>1",
    "speedup>1 pesq>2",
    "speedup>1 pesq>2 -int4 -noisy:yes",
    "int8 grade:slight regression:yes",
)
_MOST = "speedup>0.9 peak<500"
_COMMANDS = (
    *("list", "list --json", "list --page {last}", "list voice:voice01 speedup>1.5 machine:this since:26w"),
    *("list --sort pesq", "show {id}", f"trend {_VOICE}", f"trend {_VOICE} --variant int4"),
    *(f"compare {_VOICE}/optimized {_VOICE}/int4", f"pareto {_VOICE}", "check", "prune --dry-run"),
)


class History:
    """A synthetic history, reproducible by its seed."""

    def __init__(self, seed: int = 0) -> None:
        self.dice = random.Random(seed)
        here, now = this_machine(), this_environment()
        self.machines = [here, *(self._machine(here, cpu) for cpu in ("Apple M2", "Cortex-A76"))]
        self.environments = [
            *(self._environment(now, f"6.{minor}.0", f"1.{24 + minor}.0") for minor in range(1, 5)),
            now,
        ]
        self.voices = {self._hash(64): f"en_US-voice{number:02}-medium" for number in range(_VOICES)}
        self.sha256 = {(voice, variant): self._hash(64) for voice in self.voices for variant in _VARIANTS}

    def benchmarks(self, results: int) -> Iterator[BenchmarkRecord]:
        """Yield benchmarks, oldest first, up to now."""
        count = results // (2 * len(_VARIANTS))
        start, step = datetime.now(UTC) - timedelta(days=365 * _YEARS), timedelta(days=365 * _YEARS) / count
        for number in range(count):
            yield self.benchmark(format_timestamp(start + number * step), number / count)

    def benchmark(self, at: str, age: float = 1.0) -> BenchmarkRecord:
        """Return a benchmark at that time; `age` is the share of the history before it."""
        voice, machine = self.dice.choice(list(self.voices)), self.dice.choice(self.machines)
        noisy = self.dice.random() < 0.1
        return BenchmarkRecord(
            id=self._uuid(),
            voice_id=voice,
            voice_key=self.voices[voice],
            machine=machine,
            environment=self.environments[min(4, int(age * 5))],
            version=f"{int(age * 2)}{voice[:11]}",
            texts={"name": "en v1", "latency_text": "medium", "texts": dict.fromkeys(_TEXTS, "...")},
            load={"noisy": noisy},
            created_at=at,
            results=tuple(
                self._result(voice, place, threads, threads == machine.facts["cores"], noisy)
                for threads in (1, machine.facts["cores"])
                for place in range(len(_VARIANTS))
            ),
        )

    def _result(self, voice: str, place: int, threads: int, stock: bool, noisy: bool) -> ResultRecord:
        dice, variant = self.dice, _VARIANTS[place]
        is_original = variant == ORIGINAL
        speedup = 1.0 if is_original else _SPEED[place] * dice.lognormvariate(0, 0.05)
        interval = (1.0, 1.0) if is_original else (speedup * 0.98, speedup * 1.02)
        beside = 450 / threads * dice.lognormvariate(0, 0.05)
        latency = beside / speedup
        figures: dict[str, Any] = {
            "id": self._uuid(),
            "variant": variant,
            "variant_sha256": voice if is_original else self.sha256[voice, variant],
            "recipe": None if is_original else variant.partition("-")[0],
            "engine": "onnxruntime",
            "threads": threads,
            "stock": stock,
            "pairs": _PAIRS,
            "speedup": speedup,
            "speedup_low": interval[0],
            "speedup_high": interval[1],
            "verdict": speed_verdict(interval),
            "rtf": latency / 4800,
            "latency_ms": latency,
            "latency_p90_ms": latency * dice.uniform(1.01, 1.1),
            "original_latency_ms": beside,
            "ttfa_ms": latency + 5,
            "cold_start_s": dice.uniform(0.8, 1.6),
            "load_s": dice.uniform(0.1, 0.5),
            "throughput": dice.uniform(8, 30),
            "requests": 2,
            "cpu_s_per_audio_s": dice.uniform(0.05, 0.1),
            "energy_j": dice.uniform(2, 9) if dice.random() < 0.4 else None,
            "peak_rss_mb": dice.uniform(150, 550),
            "settled_rss_mb": dice.uniform(140, 400),
            "bare_rss_mb": 51.4,
            "size_bytes": int(_MB[place] * 1e6),
            "program_db": None,
            "duration_drift_pct": dice.uniform(0, 0.5),
            "mel_db": dice.uniform(0, 6),
            "pesq": dice.uniform(2, 4.64),
            "estoi": dice.uniform(0.8, 1),
            "defects": {"clipped": 0, "silent": 0, "not_finite": 0},
            "grade": _GRADES[place],
            "noisy": noisy,
            "unmeasured": {"energy_j": "this machine shows no energy counter (RAPL)"},
            "regression": {"worse": ["speed-up 1.50x, was 1.80x"], "changed": [], "against": [self._uuid()]}
            if dice.random() < 0.01
            else None,
        }
        return ResultRecord.from_figures(
            figures,
            samples=tuple(
                Sample(pair, "medium", latency / 1000 * dice.lognormvariate(0, 0.02), 4.8, latency / 1000, 0.4)
                for pair in range(_PAIRS)
            ),
            starts=tuple(Startup(number, number == 0, 0.3, 0.9) for number in range(2)),
            parallel_runs=(ParallelRun(0, 2, 0.6, 9.6),),
            texts=tuple(TextMetrics(text, 4.8, latency, latency * 1.1, latency / 4800, speedup) for text in _TEXTS),
        )

    def _machine(self, like: Machine, cpu: str) -> Machine:
        return Machine(self._hash(12), {**like.facts, "cpu": cpu})

    def _environment(self, like: Environment, kernel: str, runtime: str) -> Environment:
        return Environment(self._hash(12), {**like.versions, "kernel": kernel, "onnxruntime": runtime})

    def _hash(self, digits: int) -> str:
        return f"{self.dice.getrandbits(4 * digits):0{digits}x}"

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.dice.getrandbits(128)))


def build(db: sqlite3.Connection, history: History, results: int) -> None:
    """Store the history in one transaction."""
    began = time.perf_counter()
    db.execute("PRAGMA cache_size = -500000")
    with transaction(db):
        for voice, name in list(history.voices.items())[:_IN_LIBRARY]:
            db.execute(
                "INSERT INTO voices VALUES (?, ?, ?, 63201294, 22050, 1, 'en_US', '{}', ?, ?, ?)",
                (voice, name, f"/voices/{name}.onnx", json.dumps({"unrecognised": "made up"}), now(), name),
            )
            db.execute(
                """INSERT INTO variants (voice_id, name, sha256, path, size_bytes, params, tools, created_at)
                   VALUES (:id, 'original', :id, :path, 63201294, '{}', '{}', :now)""",
                {"id": voice, "path": f"/voices/{name}.onnx", "now": now()},
            )
        for record in history.benchmarks(results):
            put_benchmark(db, record, None)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    counts = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("results", "samples")]
    size = db.execute("PRAGMA page_count").fetchone()[0] * 4096 / 1e6
    print(f"{counts[0]} results, {counts[1]} samples, {size:.0f} MB, created in {time.perf_counter() - began:.0f} s\n")


class Stopwatch:
    """Times calls in process, each after a warm-up call."""

    def __init__(self, runs: int) -> None:
        self.runs = runs

    def time(self, what: str, call: Callable[[], object], target: str = "100 ms") -> None:
        middle, p95 = self._times(call)
        row(what, target, f"{middle:.1f} ms, p95 {p95:.1f} ms")

    def worst(self, what: str, calls: Mapping[str, Callable[[], object]]) -> None:
        times = {name: self._times(call) for name, call in calls.items()}
        name = max(times, key=lambda one: times[one][1])
        middle, p95 = times[name]
        usual = statistics.median(middle for middle, _ in times.values())
        row(
            what.format(len(calls)),
            "100 ms",
            f"{usual:.1f} ms; the slowest, `{name}`: {middle:.1f} ms, p95 {p95:.1f} ms",
        )

    def _times(self, call: Callable[[], object]) -> tuple[float, float]:
        call()
        taken = []
        for _ in range(self.runs):
            began = time.perf_counter()
            call()
            taken.append((time.perf_counter() - began) * 1000)
        return statistics.median(taken), statistics.quantiles(taken, n=20)[-1]


def measure_lists(db: sqlite3.Connection, watch: Stopwatch, total: int) -> None:
    def page(text: str = "", sort: str = "when", number: int = 1, limit: int = _PAGE) -> Callable[[], object]:
        return lambda: list_page(db, read_filter(text), sort, False, limit, number)

    middle, last = total // _PAGE // 2, total // _PAGE
    watch.time(f"list: the newest {_PAGE}", page())
    watch.time("list: the newest 500", page(limit=500))
    watch.time(f"list: page {middle}", page(number=middle))
    watch.time(f"list: page {last}", page(number=last))
    watch.worst("filter: {} kinds alone", {text: page(text) for text in _FILTERS})
    watch.worst("filter: {} of several conditions", {text: page(text) for text in _TOGETHER})
    watch.worst("sort: {} columns", {sort: page(sort=sort) for sort in SORTS})
    watch.worst(f"sort: {{}} columns, page {middle}", {sort: page(sort=sort, number=middle) for sort in SORTS})
    watch.worst(f"sort: {{}} columns, of what fits `{_MOST}`", {sort: page(_MOST, sort) for sort in SORTS})


def measure_rest(db: sqlite3.Connection, watch: Stopwatch, history: History) -> None:
    here, voice = this_machine(), find_voice(db, _VOICE)
    variants = variants_of(db, voice)
    watch.time("trend of a variant", lambda: series(list_trend(db, voice, "int4", here)))
    watch.time(
        "trend of each variant of a voice", lambda: [series(list_trend(db, voice, one, here)) for one in variants]
    )
    one, other = (find_result(db, f"{_VOICE}/{name}") for name in ("optimized", "int4"))
    earlier = list_trend(db, voice, "int4", here)[-2]
    watch.time(
        "compare two results of one run", lambda: compare_results(read_samples(db, one), [read_samples(db, other)])
    )
    watch.time(
        "compare two results of two runs", lambda: compare_results(read_samples(db, earlier), [read_samples(db, other)])
    )
    newest = [newest_result(db, voice, name, here) for name in variants]
    watch.time(
        "pareto, and what a selection reads", lambda: [newest_result(db, voice, name, here) for name in variants]
    )
    watch.time("Pareto front: computation", lambda: compute_pareto([result for result in newest if result]))
    watch.time("the dashboard's list", lambda: list_results(db))
    watch.time("store a benchmark", lambda: store(db, history))


def store(db: sqlite3.Connection, history: History) -> None:
    history.dice.seed()
    with transaction(db):
        put_benchmark(db, history.benchmark(now()), None)


def measure_commands(db: sqlite3.Connection, workspace: Workspace, total: int) -> None:
    names = {"id": list_results(db, limit=1)[0].id, "last": total // _PAGE}
    for command in _COMMANDS:
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-P", "-m", "tui.cli", "results", *command.format(**names).split()],
                env={**os.environ, "TTSDASH_HOME": str(workspace.root)},
                capture_output=True,
                check=False,
            )
            assert not done.stderr, done.stderr.decode()
            taken.append(time.perf_counter() - began)
        row(f"`ttsdash results {command.replace('{', '').replace('}', '')}`", "", f"{statistics.median(taken):.2f} s")


def measure_prune(db: sqlite3.Connection) -> None:
    """Measure pruning on a copy."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "workspace")
        workspace.prepare()
        with closing(sqlite3.connect(workspace.data_db)) as copy:
            db.backup(copy)
        with closing(open_store(workspace)) as copy:
            before = format_timestamp(datetime.now(UTC) - timedelta(days=90))
            began = time.perf_counter()
            found = prunable(copy, before)
            row("prune: count", "", f"{time.perf_counter() - began:.1f} s")
            began = time.perf_counter()
            freed = prune(copy, before)
            row(
                f"prune {found.samples} samples of {found.results} results",
                "",
                f"{time.perf_counter() - began:.1f} s, {freed / 1e6:.0f} MB freed",
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--results", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace, history = Workspace(options.home or Path(folder) / "workspace"), History()
        is_there = workspace.data_db.exists()
        with closing(open_store(workspace)) as db:
            if not is_there:
                build(db, history, options.results)
            measure(db, workspace, history, Stopwatch(options.runs))


def measure(db: sqlite3.Connection, workspace: Workspace, history: History, watch: Stopwatch) -> None:
    total = db.execute("SELECT count(*) FROM results").fetchone()[0]
    head()
    measure_lists(db, watch, total)
    measure_rest(db, watch, history)
    measure_commands(db, workspace, total)
    measure_prune(db)


if __name__ == "__main__":
    main()
