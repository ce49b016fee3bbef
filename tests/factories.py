"""Records for tests: each with ordinary values, any of which a test replaces by keyword."""

import sqlite3
from typing import Any

from core.records.results import Result
from core.records.voices import ORIGINAL, Variant, Voice
from core.store.voices import register_voice
from core.voices.file import VoiceFile

CREATED = "2026-01-01T00:00:00.000Z"
SOURCE_SHA256 = "a" * 64


def make_variant(name: str = "static-int8", **changes: Any) -> Variant:
    """Return a variant of the voice "tiny" that was made by the recipe `static`, or its original."""
    is_original = name == ORIGINAL
    values: dict[str, Any] = {
        "voice": "tiny",
        "name": name,
        "path": "/nowhere",
        "size_bytes": 1,
        "sha256": SOURCE_SHA256 if is_original else "c" * 64,
        "recipe": None if is_original else "static",
        "params": {},
        "source_sha256": None,
        "tools": {},
        "job_id": None,
        "created_at": CREATED,
    }
    return Variant(**values | changes)


def make_voice(*variants: Variant, **changes: Any) -> Voice:
    """Return the voice "tiny" with its original and these variants."""
    values: dict[str, Any] = {
        "id": SOURCE_SHA256,
        "key": "tiny",
        "path": "/nowhere",
        "size_bytes": 1,
        "sample_rate": 22050,
        "speakers": 1,
        "language": "en_US",
        "config": {},
        "anatomy": {},
        "added_at": CREATED,
        "variants": (make_variant(ORIGINAL), *variants),
    }
    return Voice(**values | changes)


def make_result(**changes: Any) -> Result:
    """Return the result of the original of the voice "amy" at one thread, as fast as itself."""
    values: dict[str, Any] = {
        "id": "0",
        "benchmark_id": "b",
        "voice": "amy",
        "voice_id": "0",
        "variant": ORIGINAL,
        "variant_sha256": "0",
        "recipe": None,
        "machine": "m",
        "machine_facts": {},
        "environment": {},
        "engine": "onnxruntime",
        "threads": 1,
        "stock": False,
        "benchmark_version": "v",
        "text_set": "en v1",
        "text_set_note": None,
        "pairs": 10,
        "speedup": 1.0,
        "speedup_ci": (1.0, 1.0),
        "verdict": "no difference",
        "rtf": 0.1,
        "latency_ms": 100.0,
        "latency_p90_ms": 110.0,
        "original_latency_ms": 100.0,
        "ttfa_ms": 101.0,
        "cold_start_s": 1.5,
        "load_s": 0.5,
        "throughput": 12.0,
        "requests": 2,
        "cpu_s_per_audio_s": 0.1,
        "energy_j": None,
        "peak_rss_mb": 200.0,
        "settled_rss_mb": 180.0,
        "bare_rss_mb": 50.0,
        "size_bytes": 1000,
        "program_db": None,
        "duration_drift_pct": 0.0,
        "mel_db": 0.0,
        "pesq": None,
        "estoi": None,
        "defects": {"clipped": 0, "silent": 0, "not_finite": 0},
        "grade": "transparent",
        "noisy": False,
        "unmeasured": {},
        "regression": None,
        "created_at": CREATED,
    }
    return Result(**values | changes)


def make_variant_result(**changes: Any) -> Result:
    """Return the result of a variant of that voice, a quarter of its size."""
    return make_result(**{"id": "1", "variant": "small", "size_bytes": 250, "peak_rss_mb": 100.0} | changes)


def add_voice(db: sqlite3.Connection, file: VoiceFile) -> Voice:
    """Register a voice and return it, whatever that changes."""
    return register_voice(db, file).voice
