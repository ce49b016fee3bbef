"""What a benchmark leaves behind. Plain data: the dashboard reads it without NumPy or ONNX Runtime."""

from dataclasses import dataclass, field, fields
from typing import Any, Self

from core.hardware.machine import Environment, Machine
from core.records.metrics import Metrics


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
class Startup:
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
    """The metrics of one variant at one thread count, with its raw samples."""

    id: str
    variant: str
    variant_sha256: str
    recipe: str | None
    engine: str | None
    """What ran it; None where nothing here could."""
    threads: int
    stock: bool
    """Whether the session options were ONNX Runtime's own."""
    metrics: Metrics
    noisy: bool
    unmeasured: dict[str, str]
    """Metric -> why it is None."""
    regression: dict[str, Any] | None = None
    """What is worse than it was on that machine (`core.history.regression`)."""
    samples: tuple[Sample, ...] = ()
    starts: tuple[Startup, ...] = ()
    parallel_runs: tuple[ParallelRun, ...] = ()
    texts: tuple[TextFigures, ...] = ()

    @property
    def figures(self) -> dict[str, Any]:
        """Return all but the samples as one flat object, by the names of the store's columns: the form of exports."""
        return {
            "id": self.id,
            "variant": self.variant,
            "variant_sha256": self.variant_sha256,
            "recipe": self.recipe,
            "engine": self.engine,
            "threads": self.threads,
            "stock": self.stock,
            **metric_columns(self.metrics),
            "noisy": self.noisy,
            "unmeasured": self.unmeasured,
            "regression": self.regression,
        }

    @classmethod
    def from_figures(cls, figures: dict[str, Any], **parts: Any) -> Self:
        """Make a record of `figures` as the property of that name returns them, and the samples in `parts`."""
        rest = dict(figures)
        metrics = read_metrics(rest)
        return cls(metrics=metrics, **rest, **parts)


def metric_columns(metrics: Metrics) -> dict[str, Any]:
    """Return the metrics by the names of the store's columns, in which the interval is two."""
    low, high = metrics.speedup_ci or (None, None)
    columns: dict[str, Any] = {}
    for name, value in vars(metrics).items():
        columns |= {"speedup_low": low, "speedup_high": high} if name == "speedup_ci" else {name: value}
    return columns


def read_metrics(columns: dict[str, Any]) -> Metrics:
    """Take the metrics out of `columns`, the inverse of `metric_columns`."""
    low, high = columns.pop("speedup_low"), columns.pop("speedup_high")
    values = {field.name: columns.pop(field.name) for field in fields(Metrics) if field.name in columns}
    return Metrics(speedup_ci=None if low is None else (low, high), **values)


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
