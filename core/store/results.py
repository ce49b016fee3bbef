"""Benchmarks and their results in the store: written whole in one transaction, never changed."""

import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import NotFound

if TYPE_CHECKING:
    from core.benchmark.record import BenchmarkRecord


@dataclass(frozen=True)
class Result:
    """One variant (the original included) of one benchmark at one thread count. Times in ms or s, MB = 10^6 bytes.

    What could not be measured is None, with the reason in `unmeasured`.
    """

    id: str
    benchmark_id: str
    voice: str
    variant: str
    variant_sha256: str
    recipe: str | None
    machine: str
    machine_facts: dict[str, Any]
    environment: dict[str, str]
    engine: str | None
    """What ran it (`core.engines.engine`)."""
    threads: int
    stock: bool
    benchmark_version: str
    pairs: int
    speedup: float | None
    speedup_ci: tuple[float, float] | None
    verdict: str | None
    rtf: float | None
    latency_ms: float | None
    latency_p90_ms: float | None
    original_latency_ms: float
    load_s: float | None
    peak_rss_mb: float | None
    bare_rss_mb: float | None
    energy_j: float | None
    size_bytes: int
    program_db: float | None
    """Of a variant for Core ML: signal to noise of its program, as evaluated when it was converted."""
    duration_drift_pct: float | None
    mel_db: float | None
    pesq: float | None
    estoi: float | None
    defects: dict[str, Any]
    grade: str | None
    noisy: bool
    unmeasured: dict[str, str]
    """Figure -> why it is empty."""
    created_at: str


def put_benchmark(db: sqlite3.Connection, record: "BenchmarkRecord", job_id: int | None) -> None:
    """Store a whole benchmark with every sample; call it in a transaction."""
    db.execute(
        "INSERT INTO machines VALUES (?, ?) ON CONFLICT DO NOTHING",
        (record.machine.id, json.dumps(record.machine.facts)),
    )
    db.execute(
        "INSERT INTO environments VALUES (?, ?) ON CONFLICT DO NOTHING",
        (record.environment.id, json.dumps(record.environment.versions)),
    )
    db.execute(
        "INSERT INTO benchmarks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.id,
            record.voice_id,
            job_id,
            record.machine.id,
            record.environment.id,
            record.version,
            json.dumps(record.texts),
            json.dumps(record.load),
            record.created_at,
        ),
    )
    for result in record.results:
        row = dict(result.figures)
        row |= {"defects": json.dumps(row["defects"]), "unmeasured": json.dumps(row["unmeasured"])}
        row |= {"benchmark_id": record.id, "voice_id": record.voice_id, "created_at": record.created_at}
        columns = ", ".join(row)
        db.execute(f"INSERT INTO results ({columns}) VALUES ({', '.join(f':{name}' for name in row)})", row)
        db.executemany(
            "INSERT INTO samples VALUES (?, ?, ?, ?, ?)",
            [(row["id"], sample.pair, sample.text, sample.seconds, sample.audio_seconds) for sample in result.samples],
        )


def list_results(
    db: sqlite3.Connection,
    voice_id: str | None = None,
    variant: str | None = None,
    benchmark_id: str | None = None,
    limit: int = 500,
) -> list[Result]:
    """The newest results first; within a benchmark by thread count, the original first."""
    given = {"voice_id": voice_id, "variant": variant, "benchmark_id": benchmark_id}
    wanted = {f"results.{name}": value for name, value in given.items() if value is not None}
    where = " WHERE " + " AND ".join(f"{column} = ?" for column in wanted) if wanted else ""
    rows = db.execute(
        f"""{_RESULTS}{where} ORDER BY results.created_at DESC, results.benchmark_id, results.threads,
            results.variant <> 'original', results.variant LIMIT ?""",
        (*wanted.values(), limit),
    ).fetchall()
    return [_result(row) for row in rows]


def get_result(db: sqlite3.Connection, result_id: str) -> Result:
    """The result whose id starts with `result_id`. Raises NotFound, also when several do."""
    rows = db.execute(
        _RESULTS + " WHERE results.id >= ? AND results.id < ? LIMIT 2", (result_id, result_id + "\U0010ffff")
    ).fetchall()
    if len(rows) != 1 or not result_id:
        reason = "several results have ids that start" if len(rows) > 1 else "no result here has an id that starts"
        raise NotFound(f"{reason} with {result_id!r}: see `ttsdash results list`")
    return _result(rows[0])


def list_samples(db: sqlite3.Connection, result_id: str) -> list[dict[str, Any]]:
    """Every raw sample of a result: `{"pair", "text", "seconds", "audio_seconds"}`."""
    rows = db.execute(
        "SELECT pair, text, seconds, audio_seconds FROM samples WHERE result_id = ? ORDER BY pair, text", (result_id,)
    )
    return [dict(row) for row in rows]


_RESULTS = """SELECT results.*, voices.key AS voice, benchmarks.machine_id AS machine,
                  benchmarks.version AS benchmark_version, machines.facts AS machine_facts,
                  environments.versions AS environment
              FROM results
              JOIN benchmarks ON benchmarks.id = results.benchmark_id
              JOIN voices ON voices.id = results.voice_id
              JOIN machines ON machines.id = benchmarks.machine_id
              JOIN environments ON environments.id = benchmarks.environment_id"""


def _result(row: sqlite3.Row) -> Result:
    values = dict(row)
    values.pop("voice_id")
    low, high = values.pop("speedup_low"), values.pop("speedup_high")
    values["speedup_ci"] = None if low is None else (low, high)
    for name in ("machine_facts", "environment", "defects", "unmeasured"):
        values[name] = json.loads(values[name])
    for name in ("stock", "noisy"):
        values[name] = bool(values[name])
    return Result(**values)
