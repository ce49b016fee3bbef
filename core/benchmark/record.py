"""What a benchmark leaves behind. Plain data: the dashboard reads it without NumPy or ONNX Runtime."""

from dataclasses import dataclass, field
from typing import Any

from core.hardware.machine import Environment, Machine


@dataclass(frozen=True)
class Sample:
    """One counted synthesis: the text's name, what it took and what it made."""

    pair: int
    text: str
    seconds: float
    audio_seconds: float
    first_audio_seconds: float | None = None
    """Until the first piece of audio; as long as the whole where a model runs in one piece."""
    cpu_seconds: float | None = None
    joules: float | None = None
    """Of the whole processor meanwhile."""
    others_share: float | None = None
    """What others took of all cores meanwhile."""


@dataclass(frozen=True)
class Start:
    """One start of a process that loads the model and says the shortest text."""

    number: int
    cold: bool
    """The model's files were not in the system's cache."""
    load_s: float
    first_audio_s: float
    """From the start of the process."""


@dataclass(frozen=True)
class ParallelRun:
    """Several requests at once to one loaded model."""

    number: int
    requests: int
    seconds: float
    audio_seconds: float
    """Of all requests together."""


@dataclass(frozen=True)
class TextFigures:
    """What stays of one text when raw samples are pruned. Medians over the pairs."""

    text: str
    audio_seconds: float
    latency_ms: float
    latency_p90_ms: float
    rtf: float
    speedup: float


@dataclass(frozen=True)
class ResultRecord:
    """The figures of one variant at one thread count, by the names of the store's columns, and its raw samples."""

    figures: dict[str, Any]
    samples: tuple[Sample, ...] = ()
    starts: tuple[Start, ...] = ()
    parallel_runs: tuple[ParallelRun, ...] = ()
    texts: tuple[TextFigures, ...] = ()


@dataclass(frozen=True)
class BenchmarkRecord:
    """A whole run, ready to be stored."""

    id: str
    voice_id: str
    """SHA-256 of the original."""
    voice_key: str
    machine: Machine
    environment: Environment
    version: str
    texts: dict[str, Any]
    load: dict[str, Any]
    created_at: str
    results: tuple[ResultRecord, ...] = field(default=())
