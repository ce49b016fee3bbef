"""Records of benchmarks, without running one."""

from typing import Any

from core.hardware.machine import Environment, Machine
from core.records.benchmarks import BenchmarkRecord, ResultRecord


def a_record(name: str, **changes: Any) -> BenchmarkRecord:
    given: dict[str, Any] = {
        "id": name,
        "voice_id": "f" * 64,
        "voice_key": "amy",
        "machine": Machine("m", {"cpu": "Example CPU 9000", "cores": 4}),
        "environment": Environment("e", {"onnxruntime": "1.30"}),
        "version": "v1",
        "texts": {"name": "en v1"},
        "load": {"noisy": False},
        "created_at": "2026-01-01T00:00:00.000Z",
    }
    return BenchmarkRecord(**given | changes)


def a_result(result_id: str, variant: str, **changes: Any) -> ResultRecord:
    figures: dict[str, Any] = {
        "id": result_id,
        "variant": variant,
        "variant_sha256": "c" * 64,
        "recipe": None if variant == "original" else "guide",
        "engine": "onnxruntime",
        "threads": 4,
        "stock": True,
        "pairs": 10,
        "speedup": 1.5,
        "speedup_low": 1.4,
        "speedup_high": 1.6,
        "verdict": "faster",
        "rtf": 0.05,
        "latency_ms": 80.5,
        "latency_p90_ms": 90.25,
        "original_latency_ms": 120.0,
        "ttfa_ms": 81.5,
        "cold_start_s": 1.5,
        "load_s": 0.4,
        "throughput": 12.5,
        "requests": 4,
        "cpu_s_per_audio_s": 0.06,
        "energy_j": None,
        "peak_rss_mb": 180.0,
        "settled_rss_mb": 170.0,
        "bare_rss_mb": 50.0,
        "size_bytes": 1234,
        "program_db": None,
        "duration_drift_pct": 0.1,
        "mel_db": 0.7,
        "pesq": 4.2,
        "estoi": None,
        "defects": {"clipped": 0, "silent": 0, "not_finite": 0},
        "grade": "slight",
        "noisy": False,
        "unmeasured": {"energy_j": "no counter"},
        "regression": None,
    }
    return ResultRecord.from_figures(figures | changes)


def changed(result: ResultRecord, **changes: Any) -> ResultRecord:
    """Return the result with other figures, named as the store's columns; the samples stay."""
    return ResultRecord.from_figures(
        result.figures | changes,
        samples=result.samples,
        starts=result.starts,
        parallel_runs=result.parallel_runs,
        texts=result.texts,
        sounds=result.sounds,
    )
