"""A varied history of two weeks: two voices, one of them not in the library, on two machines."""

import random
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from core.clock import format_timestamp
from core.hardware.machine import Environment, Machine, this_machine
from core.records.benchmarks import BenchmarkRecord, ResultRecord, Sample
from core.records.verdict import speed_verdict
from core.records.voices import ORIGINAL
from core.store.database import transaction
from core.store.results import put_benchmark
from tests.measured import a_record, a_result

AMY, JOE = "a" * 64, "b" * 64
NAMES = {AMY: "amy", JOE: "joe at home"}
OTHER = Machine("feedbeef0123", {"cpu": "Apple M2", "cores": 8})
OLD, NEW = (Environment(version, {"kernel": "6.1", "onnxruntime": version}) for version in ("1.30", "1.31"))
VARIANTS = (ORIGINAL, "dynamic-int8", "int4")
START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 16


def put_history(db: sqlite3.Connection, one_core: bool = False) -> None:
    """Store a benchmark per day, the oldest first; the voice amy must be in the library of `db`.

    With `one_core` the worker of this machine was limited to one, so that the history is the same on every machine.
    """
    with transaction(db):
        for day in range(DAYS):
            put_benchmark(db, benchmark(day, one_core), None)


def count(db: sqlite3.Connection, table: str, before: str = "9999") -> int:
    """Return how many rows belong to results from before that time; a machine with several cores has more of them."""
    column = "id" if table == "results" else "result_id"
    ids = "SELECT id FROM results WHERE created_at < ?"
    return int(db.execute(f"SELECT count(*) FROM {table} WHERE {column} IN ({ids})", (before,)).fetchone()[0])


def benchmark(day: int, one_core: bool = False) -> BenchmarkRecord:
    """Return the benchmark of a day: every second day on this machine, in the second half with a new runtime and method."""
    voice, late = (AMY, JOE)[day % 3 == 2], day >= DAYS // 2
    machine = OTHER if day % 2 else this_machine()
    cores = 1 if one_core and not day % 2 else machine.facts["cores"]
    return a_record(
        f"b-{day:02}",
        voice_id=voice,
        voice_key=NAMES[voice],
        machine=machine,
        environment=NEW if late else OLD,
        version=f"v{1 + late}-{voice[0]}",
        created_at=format_timestamp(START + timedelta(days=day)),
        results=tuple(
            result(
                f"{day:02}-{variant}-{threads}",
                variant,
                voice,
                threads=threads,
                stock=threads == cores,
            )
            for threads in sorted({1, cores})
            for variant in VARIANTS
        ),
    )


def result(result_id: str, variant: str, voice: str, **more: Any) -> ResultRecord:
    dice = random.Random(result_id)
    speedup = 1.0 if variant == ORIGINAL else dice.choice((0.8, 1.0, 1.2, 1.6, 1.6, 2.0))
    figures: dict[str, Any] = {
        "variant_sha256": voice if variant == ORIGINAL else variant[0] * 64,
        "recipe": None if variant == ORIGINAL else variant.partition("-")[0],
        "engine": dice.choice(("onnxruntime", "coreml", None)),
        "speedup": speedup,
        "speedup_low": speedup * 0.98,
        "speedup_high": speedup * 1.02,
        "verdict": speed_verdict((speedup * 0.98, speedup * 1.02)),
        "rtf": dice.uniform(0.02, 0.1),
        "energy_j": dice.choice((None, dice.uniform(2, 9))),
        "throughput": dice.choice((None, 8.0, 20.0)),
        "size_bytes": {ORIGINAL: 63_200_000, "dynamic-int8": 23_400_000}.get(variant, 13_900_000),
        "duration_drift_pct": dice.uniform(-0.5, 2),
        "mel_db": dice.uniform(0, 6),
        "pesq": dice.choice((None, 2.1, 3.9, 4.6)),
        "grade": dice.choice(("broken", "noticeable", "slight", "transparent", None)),
        "noisy": dice.random() < 0.3,
        "regression": dice.choice((None, None, {"worse": ["PESQ 3.9, was 4.6"], "changed": [], "against": ["x"]})),
    }
    figures |= {name: dice.uniform(50, 500) for name in ("latency_ms", "latency_p90_ms", "ttfa_ms", "load_s")}
    figures |= {name: dice.uniform(100, 500) for name in ("peak_rss_mb", "settled_rss_mb")}
    if dice.random() < 0.1:
        figures |= dict.fromkeys(
            ("speedup", "speedup_low", "speedup_high", "verdict", "rtf", "latency_ms", "peak_rss_mb")
        )
    # Other values than any other metric has, without another draw.
    figures["tone_db"] = None if figures["pesq"] is None else 2 * figures["mel_db"]
    figures["worst_pesq"] = None if figures["pesq"] is None else figures["pesq"] - figures["mel_db"] / 4
    samples = tuple(
        Sample(pair, text, length / speedup * (1 + pair / 100), 2.0)
        for pair in range(5)
        for text, length in (("long", 0.5), ("short", 0.1))
    )
    return replace(a_result(result_id, variant, **figures | more), samples=samples)
