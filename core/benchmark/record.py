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


@dataclass(frozen=True)
class ResultRecord:
    """The figures of one variant at one thread count, by the names of the store's columns, and its raw samples."""

    figures: dict[str, Any]
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class BenchmarkRecord:
    """A whole run, ready to be stored."""

    id: str
    voice_id: str
    machine: Machine
    environment: Environment
    version: str
    texts: dict[str, Any]
    load: dict[str, Any]
    created_at: str
    results: tuple[ResultRecord, ...] = field(default=())
