"""What a benchmark measures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.benchmark.texts import TextSet
from core.engines.names import EngineName
from core.hardware.detection import usable_cores


@dataclass(frozen=True)
class BenchmarkVariant:
    """A variant as a benchmark needs it; the first one given is the original."""

    name: str
    path: Path
    sha256: str
    size_bytes: int
    recipe: str | None
    engine: EngineName | None = "onnxruntime"
    """What runs it; None where nothing here can."""
    untimed: str | None = None
    """Why its speed and memory cannot be measured here; its sound can, if it has an engine."""
    program_db: float | None = None
    """How far its program was from the original's when it was converted."""

    @property
    def takes_parallel_requests(self) -> bool:
        """Core ML's Python interface takes one request at a time."""
        return self.engine == "onnxruntime"


@dataclass(frozen=True)
class BenchmarkPlan:
    """What is measured: candidates at each thread count, on each text."""

    voice_id: str
    voice_key: str
    config: dict[str, Any]
    candidates: tuple[BenchmarkVariant, ...]
    texts: TextSet
    threads: tuple[int, ...]
    width: float
    """How narrow the interval of each speed-up is wanted, as a share of the speed-up."""
    budget_s: float
    """How long the measuring may take to get there; ten pairs are taken whatever it takes."""

    @property
    def timed(self) -> tuple[BenchmarkVariant, ...]:
        return tuple(candidate for candidate in self.candidates if not candidate.untimed)

    @property
    def sample_rate(self) -> int:
        return int(self.config["audio"]["sample_rate"])


def default_threads() -> tuple[int, ...]:
    """One thread, and all cores."""
    return tuple(sorted({1, usable_cores()}))
