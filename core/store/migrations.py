"""The database schema, as a list of migrations. A released migration is never changed: add a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from core.text import fold_case, free_name, safe_name

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

    Migration = Callable[[Database], None]

_MIGRATIONS: list[Migration] = []


def _migration(function: Migration) -> Migration:
    _MIGRATIONS.append(function)
    return function


def migrations() -> Migrations:
    """Return all migrations for sqlite-utils, which keeps by their names which of them a store has seen."""
    from sqlite_utils import Migrations

    made = Migrations("ttsdash")
    for function in _MIGRATIONS:
        made()(function)
    return made


@_migration
def m001_first(db: Database) -> None:
    """Voices, variants, jobs and benchmarks."""
    _execute(db, _FIRST)


@_migration
def m002_selection(db: Database) -> None:
    """Allow figures that a machine cannot measure to be empty; add the engine of a result, and selections."""
    db["results"].transform(not_null=dict.fromkeys(_MAY_BE_EMPTY, False))
    _execute(db, _SECOND)


@_migration
def m003_queue(db: Database) -> None:
    """Add positions, resources, limits and usage of jobs, and the events that the user has seen."""
    _execute(db, _THIRD)


@_migration
def m004_history(db: Database) -> None:
    """Results outlive their voices and come from other machines; more is measured; indexes for a long history."""
    _execute(db, _FOURTH)


@_migration
def m005_quiet_pairs(db: Database) -> None:
    """Add the external load during each sample."""
    _execute(db, _FIFTH)


@_migration
def m006_screen(db: Database) -> None:
    """Add the saved state of the dashboard."""
    _execute(db, _SIXTH)


@_migration
def m007_identity(db: Database) -> None:
    """Voices keep their ids and folders whatever their file and their name become; variants record their configuration."""
    _execute(db, _SEVENTH)
    taken: set[str] = set()
    for voice_id, key, config in db.execute("SELECT id, key, config FROM voices ORDER BY added_at, id").fetchall():
        folder = free_name(safe_name(key, "voice"), voice_id[:8], taken)
        taken.add(fold_case(folder))
        db.execute("UPDATE voices SET folder = ? WHERE id = ?", [folder, voice_id])
        # Until now, a variant with another configuration than its voice counted as damaged.
        db.execute(
            "UPDATE variants SET config_sha256 = ? WHERE voice_id = ? AND recipe IS NOT NULL",
            [hashlib.sha256(config.encode()).hexdigest(), voice_id],
        )


@_migration
def m008_sound(db: Database) -> None:
    """Add tones, DNSMOS, and how each text sounds."""
    _execute(db, _EIGHTH)


@_migration
def m009_paused_jobs(db: Database) -> None:
    """Add the time at which a single job was paused."""
    _execute(db, _NINTH)


VERSION = len(_MIGRATIONS)
"""The version of the store's format: how many migrations lead to it."""


def _execute(db: Database, statements: str) -> None:
    for statement in statements.split(";"):
        if statement.strip():
            db.execute(statement)


_MAY_BE_EMPTY = (
    *("speedup", "speedup_low", "speedup_high", "verdict", "rtf", "latency_ms", "latency_p90_ms"),
    *("load_s", "peak_rss_mb", "bare_rss_mb"),
)

_NINTH = """
ALTER TABLE jobs ADD COLUMN paused_at TEXT;                       -- none unless somebody has paused it
CREATE INDEX jobs_paused ON jobs (id) WHERE paused_at IS NOT NULL
"""

_EIGHTH = """
ALTER TABLE results ADD COLUMN tone_db REAL;                      -- above the original's spectrum
ALTER TABLE results ADD COLUMN tone_hz REAL;                      -- none without a tone
ALTER TABLE results ADD COLUMN worst_mel_db REAL;                 -- of all texts, as the next two
ALTER TABLE results ADD COLUMN worst_pesq REAL;
ALTER TABLE results ADD COLUMN worst_estoi REAL;
ALTER TABLE results ADD COLUMN worst_text TEXT;                   -- its name, none if none sounds worse than another
ALTER TABLE results ADD COLUMN dnsmos REAL;
CREATE INDEX results_sorted_by_tone_db ON results (tone_db DESC);
CREATE INDEX results_sorted_by_worst_pesq ON results (worst_pesq);
DROP INDEX results_figures;
CREATE INDEX results_figures ON results (%(filtered)s, tone_db, worst_pesq);

CREATE TABLE result_sounds (
    result_id          TEXT NOT NULL REFERENCES results (id),
    text               TEXT NOT NULL,
    duration_drift_pct REAL NOT NULL,
    mel_db             REAL,
    pesq               REAL,
    estoi              REAL,
    PRIMARY KEY (result_id, text)
) STRICT, WITHOUT ROWID
"""

_SEVENTH = """
ALTER TABLE voices ADD COLUMN folder TEXT NOT NULL DEFAULT '';    -- of its variants and recordings
ALTER TABLE variants ADD COLUMN config_sha256 TEXT;               -- of the voice's `config` when it was made
CREATE INDEX voices_by_source ON variants (sha256) WHERE name = 'original'
"""

_SIXTH = """
CREATE TABLE screen (
    part  TEXT PRIMARY KEY,                      -- of the dashboard
    state TEXT NOT NULL                          -- JSON
) STRICT
"""

_FIFTH = """
ALTER TABLE samples ADD COLUMN others_share REAL;   -- of all cores, none where an older version measured
"""

_FOURTH = """
CREATE TABLE new_benchmarks (
    id             TEXT PRIMARY KEY,             -- UUID
    voice_id       TEXT NOT NULL,                -- the voice need not be here
    voice_key      TEXT NOT NULL,                -- what it was called then
    job_id         INTEGER REFERENCES jobs (id),
    machine_id     TEXT NOT NULL REFERENCES machines (id),
    environment_id TEXT NOT NULL REFERENCES environments (id),
    version        TEXT NOT NULL,                -- hash of the method and of the phoneme ids
    texts          TEXT NOT NULL,                -- JSON: name, language, texts
    load           TEXT NOT NULL,                -- JSON: the machine's load and clock before and during the run
    created_at     TEXT NOT NULL
) STRICT;
INSERT INTO new_benchmarks
    SELECT benchmarks.id, voice_id, voices.key, job_id, machine_id, environment_id, version, texts, load, created_at
    FROM benchmarks JOIN voices ON voices.id = voice_id;
DROP TABLE benchmarks;
ALTER TABLE new_benchmarks RENAME TO benchmarks;
CREATE INDEX benchmarks_by_voice ON benchmarks (voice_id, created_at DESC);
CREATE INDEX benchmarks_by_job ON benchmarks (job_id);

CREATE TABLE new_results (
    id                  TEXT PRIMARY KEY,        -- UUID
    benchmark_id        TEXT NOT NULL REFERENCES benchmarks (id),
    voice_id            TEXT NOT NULL,
    variant             TEXT NOT NULL,
    variant_sha256      TEXT NOT NULL,
    recipe              TEXT,
    engine              TEXT,                    -- none where nothing could run it
    threads             INTEGER NOT NULL,
    stock               INTEGER NOT NULL,        -- ONNX Runtime's own session options, as piper-tts opens a model
    pairs               INTEGER NOT NULL,
    speedup             REAL,
    speedup_low         REAL,
    speedup_high        REAL,
    verdict             TEXT,
    rtf                 REAL,
    latency_ms          REAL,
    latency_p90_ms      REAL,
    original_latency_ms REAL NOT NULL,
    ttfa_ms             REAL,
    cold_start_s        REAL,
    load_s              REAL,
    throughput          REAL,                    -- seconds of audio a second, of parallel requests
    requests            INTEGER,                 -- how many at a time
    cpu_s_per_audio_s   REAL,
    energy_j            REAL,
    peak_rss_mb         REAL,
    settled_rss_mb      REAL,
    bare_rss_mb         REAL,
    size_bytes          INTEGER NOT NULL,
    program_db          REAL,
    duration_drift_pct  REAL,
    mel_db              REAL,
    pesq                REAL,
    estoi               REAL,
    defects             TEXT NOT NULL,           -- JSON: clipping, silence, NaN
    grade               TEXT,
    noisy               INTEGER NOT NULL,
    unmeasured          TEXT NOT NULL,           -- JSON: figure -> why it is empty
    regression          TEXT,                    -- JSON: what is worse than it was on that machine, and what changed
    created_at          TEXT NOT NULL,
    machine_id          TEXT NOT NULL,           -- its benchmark's, here for the indexes
    version             TEXT NOT NULL
) STRICT;
INSERT INTO new_results (%(kept)s, machine_id, version)
    SELECT %(old)s, benchmarks.machine_id, benchmarks.version
    FROM results JOIN benchmarks ON benchmarks.id = benchmark_id
    ORDER BY results.created_at, benchmark_id, threads DESC, variant = 'original', variant DESC;
DROP TABLE results;
ALTER TABLE new_results RENAME TO results;
%(indexes)s;

CREATE TABLE new_samples (
    result_id           TEXT NOT NULL REFERENCES results (id),
    pair                INTEGER NOT NULL,
    text                TEXT NOT NULL,
    seconds             REAL NOT NULL,
    audio_seconds       REAL NOT NULL,
    first_audio_seconds REAL,
    cpu_seconds         REAL,
    joules              REAL,
    PRIMARY KEY (result_id, pair, text)
) STRICT, WITHOUT ROWID;
INSERT INTO new_samples (result_id, pair, text, seconds, audio_seconds) SELECT * FROM samples;
DROP TABLE samples;
ALTER TABLE new_samples RENAME TO samples;

CREATE TABLE starts (
    result_id     TEXT NOT NULL REFERENCES results (id),
    number        INTEGER NOT NULL,
    cold          INTEGER NOT NULL,              -- the model's files were not in the system's cache
    load_s        REAL NOT NULL,
    first_audio_s REAL NOT NULL,                 -- from the start of the process
    PRIMARY KEY (result_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE parallel_runs (
    result_id     TEXT NOT NULL REFERENCES results (id),
    number        INTEGER NOT NULL,
    requests      INTEGER NOT NULL,
    seconds       REAL NOT NULL,
    audio_seconds REAL NOT NULL,
    PRIMARY KEY (result_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE result_texts (                      -- what stays when raw samples are pruned
    result_id      TEXT NOT NULL REFERENCES results (id),
    text           TEXT NOT NULL,
    audio_seconds  REAL NOT NULL,
    latency_ms     REAL NOT NULL,
    latency_p90_ms REAL NOT NULL,
    rtf            REAL NOT NULL,
    speedup        REAL NOT NULL,
    PRIMARY KEY (result_id, text)
) STRICT, WITHOUT ROWID
"""
_KEPT = (
    *("id", "benchmark_id", "voice_id", "variant", "variant_sha256", "recipe", "engine", "threads", "stock", "pairs"),
    *("speedup", "speedup_low", "speedup_high", "verdict", "rtf", "latency_ms", "latency_p90_ms"),
    *("original_latency_ms", "load_s", "energy_j", "peak_rss_mb", "bare_rss_mb", "size_bytes", "program_db"),
    *("duration_drift_pct", "mel_db", "pesq", "estoi", "defects", "grade", "noisy", "unmeasured", "created_at"),
)
# What one can sort by, as it is sorted if nobody says otherwise. Its indexes run the other way and are read backwards, so
# that the latest of equal ones stands first; one by time that ran backwards itself would be half empty.
_LOWEST_FIRST = (
    *("variant", "machine_id", "threads", "version", "engine", "recipe", "verdict", "rtf", "latency_ms"),
    *("latency_p90_ms", "ttfa_ms", "load_s", "energy_j", "peak_rss_mb", "settled_rss_mb", "size_bytes"),
    *("duration_drift_pct", "mel_db"),
)
_HIGHEST_FIRST = ("grade", "speedup", "throughput", "pesq")
_INDEXES = {
    "results_by_time": "created_at",
    "results_by_variant": "voice_id, variant, machine_id, threads, created_at DESC",
    "results_by_benchmark": "benchmark_id, threads, variant",
    # All that one can filter by: several conditions at once are held against it, and never against the table.
    "results_figures": ", ".join(["created_at", "voice_id", *_LOWEST_FIRST, *_HIGHEST_FIRST, "noisy"]),
    **{f"results_sorted_by_{name}": f"{name} DESC" for name in _LOWEST_FIRST},
    **{f"results_sorted_by_{name}": name for name in _HIGHEST_FIRST},
}
_EIGHTH %= {"filtered": _INDEXES["results_figures"]}
_FOURTH %= {
    "kept": ", ".join(_KEPT),
    "old": ", ".join(f"results.{name}" for name in _KEPT),
    "indexes": ";\n".join(
        [
            *(f"CREATE INDEX {name} ON results ({columns})" for name, columns in _INDEXES.items()),
            "CREATE INDEX results_with_regression ON results (created_at) WHERE regression IS NOT NULL",
        ]
    ),
}

_THIRD = """
ALTER TABLE jobs ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;      -- within a priority, the lowest first
ALTER TABLE jobs ADD COLUMN cores INTEGER NOT NULL DEFAULT 1;     -- what it needs
ALTER TABLE jobs ADD COLUMN memory_mb INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN time_limit_s INTEGER;                 -- what it may take, none without a limit
ALTER TABLE jobs ADD COLUMN memory_limit_mb INTEGER;
ALTER TABLE jobs ADD COLUMN machine_id TEXT;                      -- where its last attempt ran
ALTER TABLE jobs ADD COLUMN cpu_percent REAL;                     -- live: of one core
ALTER TABLE jobs ADD COLUMN rss_mb REAL;                          -- live: all its processes
ALTER TABLE jobs ADD COLUMN seconds REAL;                         -- what its last attempt has cost, by a steady clock
ALTER TABLE jobs ADD COLUMN cpu_seconds REAL;
ALTER TABLE jobs ADD COLUMN peak_mb REAL;
ALTER TABLE jobs DROP COLUMN group_started;
UPDATE jobs SET turn = id;
DROP INDEX jobs_by_turn;
CREATE INDEX jobs_by_turn ON jobs (state, priority DESC, turn, id);
CREATE INDEX jobs_by_work ON jobs (kind, variant, state, machine_id, id);
CREATE INDEX variants_by_job ON variants (job_id);
CREATE INDEX benchmarks_by_job ON benchmarks (job_id);

CREATE TABLE job_history (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,   -- never comes again, also when the jobs of the last ones are forgotten
    job_id  INTEGER NOT NULL REFERENCES jobs (id),
    attempt INTEGER NOT NULL,
    at      TEXT NOT NULL,
    event   TEXT NOT NULL,
    detail  TEXT
) STRICT;
INSERT INTO job_history SELECT * FROM job_events;
DROP TABLE job_events;
ALTER TABLE job_history RENAME TO job_events;
CREATE INDEX job_events_by_job ON job_events (job_id, id);

CREATE TABLE queue (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    paused_at     TEXT,                          -- none while jobs are started
    visited_event INTEGER NOT NULL,              -- the last event that the user has seen
    visited_at    TEXT,
    hooked_event  INTEGER NOT NULL               -- the last event that the hook was told of
) STRICT;
INSERT INTO queue SELECT 1, NULL, coalesce(max(id), 0), NULL, coalesce(max(id), 0) FROM job_events
"""

_SECOND = """
ALTER TABLE results ADD COLUMN engine TEXT;             -- none where nothing could run it
ALTER TABLE results ADD COLUMN program_db REAL;
UPDATE results SET engine = 'onnxruntime';

CREATE TABLE selection_wishes (
    voice_id TEXT PRIMARY KEY REFERENCES voices (id),
    policy   TEXT NOT NULL,
    pinned   TEXT                                -- the name of a variant
) STRICT;

CREATE TABLE selections (
    id              INTEGER PRIMARY KEY,
    voice_id        TEXT NOT NULL REFERENCES voices (id),
    machine_id      TEXT NOT NULL REFERENCES machines (id),
    policy          TEXT NOT NULL,
    pinned          TEXT,
    selected        TEXT NOT NULL,               -- the name of a variant
    selected_sha256 TEXT NOT NULL,
    reason          TEXT NOT NULL,
    candidates      TEXT NOT NULL,               -- JSON: [{variant, verdict, reason}], in the policy's order
    warnings        TEXT NOT NULL,               -- JSON
    cause           TEXT NOT NULL,               -- what it was made anew after
    created_at      TEXT NOT NULL
) STRICT;
CREATE INDEX selections_by_voice ON selections (voice_id, machine_id, id)
"""

_FIRST = """
CREATE TABLE voices (
    id          TEXT PRIMARY KEY,                -- SHA-256 of the model file
    key         TEXT NOT NULL UNIQUE,
    path        TEXT NOT NULL,
    size_bytes  INTEGER NOT NULL,
    sample_rate INTEGER NOT NULL,
    speakers    INTEGER NOT NULL,
    language    TEXT NOT NULL,
    config      TEXT NOT NULL,                   -- JSON, as read when the voice was added
    anatomy     TEXT NOT NULL,                   -- JSON
    added_at    TEXT NOT NULL
) STRICT;

CREATE TABLE jobs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    kind          TEXT NOT NULL,
    voice_id      TEXT NOT NULL REFERENCES voices (id),
    variant       TEXT,
    params        TEXT NOT NULL,                 -- JSON
    state         TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    alone         INTEGER NOT NULL,              -- no other job may run beside it
    priority      INTEGER NOT NULL DEFAULT 0,
    not_before    TEXT,
    attempt       INTEGER NOT NULL DEFAULT 0,    -- rises at each claim and never falls: the fence of a child's writes
    last_attempt  INTEGER NOT NULL,              -- the attempt after which an interrupted job is given up
    stage         TEXT,
    progress      REAL,
    cancel_asked  INTEGER NOT NULL DEFAULT 0,
    process_group INTEGER,
    group_started REAL,                          -- seconds since the epoch: a process group's number comes again
    heartbeat_at  TEXT,
    created_at    TEXT NOT NULL,
    started_at    TEXT,
    finished_at   TEXT,
    error         TEXT,
    result        TEXT                           -- JSON
) STRICT;
CREATE INDEX jobs_by_turn ON jobs (state, priority DESC, id);

CREATE TABLE job_after (
    job_id   INTEGER NOT NULL REFERENCES jobs (id),
    after_id INTEGER NOT NULL REFERENCES jobs (id),
    PRIMARY KEY (job_id, after_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_after_by_prerequisite ON job_after (after_id);

CREATE TABLE job_events (
    id      INTEGER PRIMARY KEY,
    job_id  INTEGER NOT NULL REFERENCES jobs (id),
    attempt INTEGER NOT NULL,
    at      TEXT NOT NULL,
    event   TEXT NOT NULL,
    detail  TEXT
) STRICT;
CREATE INDEX job_events_by_job ON job_events (job_id, id);

CREATE TABLE variants (
    voice_id      TEXT NOT NULL REFERENCES voices (id),
    name          TEXT NOT NULL,
    sha256        TEXT NOT NULL,
    path          TEXT NOT NULL,
    size_bytes    INTEGER NOT NULL,
    recipe        TEXT,                          -- none for the original
    params        TEXT NOT NULL,                 -- JSON
    source_sha256 TEXT,
    tools         TEXT NOT NULL,                 -- JSON: name -> version
    job_id        INTEGER REFERENCES jobs (id),
    created_at    TEXT NOT NULL,
    replaced_at   TEXT,                          -- when another file took this name
    PRIMARY KEY (voice_id, name, sha256)
) STRICT;
CREATE UNIQUE INDEX variants_in_place ON variants (voice_id, name) WHERE replaced_at IS NULL;

CREATE TABLE machines (
    id    TEXT PRIMARY KEY,                      -- fingerprint of the facts
    facts TEXT NOT NULL                          -- JSON
) STRICT;

CREATE TABLE environments (
    id       TEXT PRIMARY KEY,                   -- hash of the versions
    versions TEXT NOT NULL                       -- JSON
) STRICT;

CREATE TABLE benchmarks (
    id             TEXT PRIMARY KEY,             -- UUID
    voice_id       TEXT NOT NULL REFERENCES voices (id),
    job_id         INTEGER REFERENCES jobs (id),
    machine_id     TEXT NOT NULL REFERENCES machines (id),
    environment_id TEXT NOT NULL REFERENCES environments (id),
    version        TEXT NOT NULL,                -- hash of the method and of the phoneme ids
    texts          TEXT NOT NULL,                -- JSON: name, language, texts
    load           TEXT NOT NULL,                -- JSON: the machine's load before and during the run
    created_at     TEXT NOT NULL
) STRICT;
CREATE INDEX benchmarks_by_voice ON benchmarks (voice_id, created_at DESC);

CREATE TABLE results (
    id                  TEXT PRIMARY KEY,        -- UUID
    benchmark_id        TEXT NOT NULL REFERENCES benchmarks (id),
    voice_id            TEXT NOT NULL REFERENCES voices (id),
    variant             TEXT NOT NULL,
    variant_sha256      TEXT NOT NULL,
    recipe              TEXT,
    threads             INTEGER NOT NULL,
    stock               INTEGER NOT NULL,        -- ONNX Runtime's own session options, as piper-tts opens a model
    pairs               INTEGER NOT NULL,
    speedup             REAL NOT NULL,
    speedup_low         REAL NOT NULL,
    speedup_high        REAL NOT NULL,
    verdict             TEXT NOT NULL,
    rtf                 REAL NOT NULL,
    latency_ms          REAL NOT NULL,
    latency_p90_ms      REAL NOT NULL,
    original_latency_ms REAL NOT NULL,
    load_s              REAL NOT NULL,
    peak_rss_mb         REAL NOT NULL,
    bare_rss_mb         REAL NOT NULL,
    energy_j            REAL,
    size_bytes          INTEGER NOT NULL,
    duration_drift_pct  REAL,
    mel_db              REAL,
    pesq                REAL,
    estoi               REAL,
    defects             TEXT NOT NULL,           -- JSON: clipping, silence, NaN
    grade               TEXT,
    noisy               INTEGER NOT NULL,
    unmeasured          TEXT NOT NULL,           -- JSON: figure -> why it is empty
    created_at          TEXT NOT NULL
) STRICT;
CREATE INDEX results_by_time ON results (created_at DESC, id);
CREATE INDEX results_by_variant ON results (voice_id, variant, threads, created_at DESC);
CREATE INDEX results_by_benchmark ON results (benchmark_id);

CREATE TABLE samples (
    result_id     TEXT NOT NULL REFERENCES results (id),
    pair          INTEGER NOT NULL,
    text          TEXT NOT NULL,
    seconds       REAL NOT NULL,
    audio_seconds REAL NOT NULL,
    PRIMARY KEY (result_id, pair, text)
) STRICT, WITHOUT ROWID
"""
