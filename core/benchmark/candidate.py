"""The plan of a benchmark: the variants, texts and thread counts to measure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.benchmark.texts import TextSet
from core.engines.names import EngineName
from core.hardware.detection import usable_cores


@dataclass(frozen=True)
class BenchmarkVariant:
    """A variant to measure. The first one of a plan is the original."""

    name: str
    path: Path
    sha256: str
    size_bytes: int
    recipe: str | None
    engine: EngineName | None = "onnxruntime"
    """The engine that runs it; None if nothing on this machine can."""
    untimed: str | None = None
    """Why its speed and memory cannot be measured on this machine. Its sound can, if it has an engine."""
    program_db: float | None = None
    """Signal-to-noise ratio of its Core ML program, measured at conversion."""

    @property
    def takes_parallel_requests(self) -> bool:
        """Return whether it can serve several requests at once; Core ML's Python interface cannot."""
        return self.engine == "onnxruntime"


@dataclass(frozen=True)
class BenchmarkPlan:
    """What to measure: every variant at every thread count on every text."""

    voice_id: str
    voice_key: str
    config: dict[str, Any]
    candidates: tuple[BenchmarkVariant, ...]
    texts: TextSet
    threads: tuple[int, ...]
    width: float
    """The target width of the interval of each speed-up, as a share of the speed-up."""
    budget_s: float
    """How long measuring may take to reach `width`. At least ten pairs are measured anyway."""

    @property
    def timed(self) -> tuple[BenchmarkVariant, ...]:
        """Return the variants whose speed can be measured on this machine."""
        return tuple(candidate for candidate in self.candidates if not candidate.untimed)

    @property
    def sample_rate(self) -> int:
        """Return the sample rate of the voice in Hz."""
        return int(self.config["audio"]["sample_rate"])


def default_threads() -> tuple[int, ...]:
    """Return the thread counts to measure by default: one, and all cores."""
    return tuple(sorted({1, usable_cores()}))
