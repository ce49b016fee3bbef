"""Benchmarks to export: ordinary ones, and one with hostile text in every field."""

import sqlite3
import uuid
from dataclasses import replace
from typing import Any

from core.export.write import export
from core.hardware.machine import Environment, Machine, fingerprint
from core.records.benchmarks import BenchmarkRecord, ParallelRun, ResultRecord, Sample, Startup, TextMetrics, TextSound
from core.store.database import transaction
from core.store.results import put_benchmark
from tests.measured import changed

# Each one attacks something: a terminal, HTML, an attribute, SVG, a Markdown table, a spreadsheet.
EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]></title></svg><b onclick='x'>",
    "| a | `b` |\n| - | [c](http://d) ![e](f) **g** __h__ |",
    '=HYPERLINK("http://x")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "＝1",
    'a",=1',
    "a;=1",
    "\x1b[31mred\x1b[0m\x07\u202e",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;&amp;\\",
)


def machine(cpu: str = "Example CPU", cores: int = 2) -> Machine:
    facts = {"cpu": cpu, "cores": cores, "flags": ["avx2", "fma"], "memory_gib": 8}
    return Machine(fingerprint(facts), facts)


def environment(**versions: str) -> Environment:
    versions = {"onnxruntime": "1.30.0", "kernel": "6.1.0"} | versions
    return Environment(fingerprint(versions), versions)


def identity(*parts: object) -> str:
    """Return a reproducible UUID."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, repr(parts)))


def benchmark(number: int = 1, **changes: Any) -> BenchmarkRecord:
    """Return a benchmark of three variants at one and two threads."""
    record = BenchmarkRecord(
        id=identity(number),
        voice_id="a" * 64,
        voice_key="amy",
        machine=machine(),
        environment=environment(),
        version="feedc0ffee00",
        texts={"name": "en v1", "latency_text": "short", "texts": {"short": "One.", "long": "Öne, two."}},
        load={"load_before": 0.25, "throttled": None, "noisy": False, "noisy_because": []},
        created_at=f"2026-01-{number:02}T02:00:00.000Z",
        results=tuple(
            result(number, variant, threads, speedup, size, grade)
            for threads in (1, 2)
            for variant, speedup, size, grade in (
                ("original", 1.0, 60_000_000, "transparent"),
                ("int4", 0.5, 15_000_000, "broken"),
                ("static-int8", 1.5, 20_000_000, "slight"),
            )
        ),
    )
    return replace(record, **changes)


def result(number: int, variant: str, threads: int, speedup: float, size: int, grade: str) -> ResultRecord:
    figures = {
        "id": identity(number, variant, threads),
        "variant": variant,
        "variant_sha256": "c" * 64,
        "recipe": None if variant == "original" else "static",
        "engine": "onnxruntime",
        "threads": threads,
        "stock": threads == 2,
        "pairs": 2,
        "speedup": speedup,
        "speedup_low": speedup * 0.9,
        "speedup_high": speedup * 1.1,
        "verdict": "faster" if speedup > 1 else "slower" if speedup < 1 else "no difference",
        "rtf": 0.1 / 3,
        "latency_ms": 100.0 / speedup,
        "latency_p90_ms": 110.0 / speedup,
        "original_latency_ms": 100.0,
        "ttfa_ms": 90.0,
        "cold_start_s": 1.5,
        "load_s": 0.5,
        "throughput": 12.5,
        "requests": 2,
        "cpu_s_per_audio_s": 0.1,
        "energy_j": None,
        "peak_rss_mb": 500.0,
        "settled_rss_mb": 450.0,
        "bare_rss_mb": 50.0,
        "size_bytes": size,
        "program_db": -3.5,
        "duration_drift_pct": 0.1,
        "mel_db": 0.7,
        "pesq": 4.25,
        "estoi": None,
        "defects": {"clipped": 1, "silent": 0},
        "grade": grade,
        "noisy": number % 2 == 0,
        "unmeasured": {"energy_j": "no counter"},
        "regression": None,
    }
    return ResultRecord.from_figures(
        figures,
        samples=tuple(
            Sample(pair, text, 0.1 + pair, 2.0, 0.05, 0.2, None, 0.01) for pair in (0, 1) for text in ("long", "short")
        ),
        starts=(Startup(0, True, 0.5, 1.5), Startup(1, False, 0.25, 1.25)),
        parallel_runs=(ParallelRun(0, 2, 0.5, 4.0), ParallelRun(1, 2, 0.75, 4.0)),
        texts=tuple(TextMetrics(text, 2.0, 100.0, 110.0, 0.05, speedup) for text in ("long", "short")),
        sounds=(TextSound("long", 0.0, 1.25, -0.25, -0.5), TextSound("question", 0.5, None, None, None)),
    )


def with_figures(record: BenchmarkRecord, **changes: Any) -> BenchmarkRecord:
    """Return the record with changed metrics in its last result."""
    *others, last = record.results
    return replace(record, results=(*others, changed(last, **changes)))


def evil_benchmark() -> BenchmarkRecord:
    """Return a benchmark in which every free text is hostile."""
    text = " ".join(EVIL)[:300]
    record = with_figures(
        benchmark(),
        variant=text,
        engine=text,
        recipe=text,
        unmeasured={text: text},
        regression={"worse": [text], "changed": [text], "against": []},
    )
    return replace(
        record, voice_key=text, machine=machine(text), environment=environment(onnxruntime=text, **{text: text})
    )


def put(db: sqlite3.Connection, *records: BenchmarkRecord) -> None:
    with transaction(db):
        for record in records:
            put_benchmark(db, record, job_id=None)


def written(db: sqlite3.Connection, name: str, voice_id: str | None = None) -> str:
    return "".join(export(db, name, voice_id))
